"""A run repeated from its folder: the same numbers, other data refused, other versions told of, differences shown."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from jzsl.cli import main
from jzsl.driver.load import load_config
from jzsl.driver.versions import checkout

TINY = Path(__file__).parent / "tiny.py"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run on files, of two seeds that trained together."""
    folder = tmp_path_factory.mktemp("original")
    problem = load_config(TINY).data.load()
    (folder / "data").mkdir()
    parts = {
        "features": problem.samples,
        "labels": problem.labels,
        "semantics": problem.semantics,
        "train": problem.splits.train,
        "test_unseen": problem.splits.test_unseen,
    }
    for name, array in parts.items():
        np.save(folder / "data" / f"{name}.npy", array)
    config = f"""
import dataclasses, runpy
from pathlib import Path
from jzsl.data.arrays import Arrays
from jzsl.tasks.zsl import ZSL
TINY = runpy.run_path({str(TINY)!r})["CONFIG"]
CONFIG = dataclasses.replace(TINY, data=Arrays(Path({str(folder / "data")!r})), tasks=(ZSL(),))
"""
    (folder / "mine.py").write_text(config)
    out = folder / "run"
    assert (
        main(["run", str(folder / "mine.py"), "--train.epochs", "2", "--parallel-seeds", "2", "--out", f"{out}"]) == 0
    )
    return out


def copied(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "run"))


def test_the_numbers_are_equal(original, tmp_path, capsys):
    again = tmp_path / "again"
    assert main(["run", "--from", str(original), "--out", str(again)]) == 0
    assert "every metric equals" in " ".join(capsys.readouterr().out.split())
    assert (again / "metrics.jsonl").read_text() == (original / "metrics.jsonl").read_text()
    assert json.loads((again / "config.json").read_text())["parallel_seeds"] == 2


def test_another_result_is_shown(original, tmp_path, capsys):
    run = copied(original, tmp_path)
    result = json.loads((run / "result.json").read_text())
    result["T1"]["values"][1] = 12.5
    (run / "result.json").write_text(json.dumps(result))
    assert main(["run", "--from", str(run), "--out", str(tmp_path / "again")]) == 1
    assert "T1: [" in capsys.readouterr().err


def test_other_data_are_refused_and_other_versions_told_of(original, tmp_path, capsys):
    run = copied(original, tmp_path)
    header = json.loads((run / "config.json").read_text())
    header["versions"]["numpy"] = "1.0"
    (run / "config.json").write_text(json.dumps(header))
    assert main(["run", "--from", str(run), "--out", str(tmp_path / "again")]) == 0
    assert "versions differ" in " ".join(capsys.readouterr().err.split())
    header["data"]["hash"] = "0" * 16
    (run / "config.json").write_text(json.dumps(header))
    assert main(["run", "--from", str(run), "--out", str(tmp_path / "third")]) == 2
    assert "the run to repeat had data of hash 0000" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "no such file; expected the config of a run"),
        (lambda run: (run / "config.json").write_text("{}"), "not the config of a run (experiment is missing"),
        (lambda run: replaced(run, {"type": "os:system"}), "expected a class of the jzsl package"),
        (lambda run: replaced(run, 3), "not the config of a run (experiment: '3' found, expected dict"),
    ],
)
def test_what_is_no_run_is_refused(original, tmp_path, capsys, change, message):
    run = copied(original, tmp_path)
    change(run)
    assert main(["run", "--from", str(run), "--out", str(tmp_path / "again")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def replaced(run, experiment):
    header = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**header, "experiment": experiment}))


def test_a_folder_must_be_named(capsys):
    assert main(["run", "--from"]) == 2
    assert "the folder of a run" in capsys.readouterr().err


def test_the_state_of_a_checkout(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("no git here")

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert checkout(tmp_path) is None
    git("init", "-q")
    assert checkout(tmp_path) is None  # no commit yet
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    assert checkout(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("two")
    assert checkout(tmp_path) == git("rev-parse", "HEAD") + ", changed"


def test_a_method_of_a_config_is_repeated_with_the_config(tmp_path, capsys):
    """The folder of a run never makes code run; the file that the user names does."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = [part for part in text.split("```python")[1:] if "class Ridge" in part]
    (tmp_path / "ridge.py").write_text(block.split("```")[0])
    out = tmp_path / "run"
    assert main(["run", str(tmp_path / "ridge.py"), "--seeds", "1", "--method.ridge", "3", "--out", str(out)]) == 0
    repeat = ["run", "--from", str(out), "--out", str(tmp_path / "again")]
    assert main(repeat) == 2
    assert "name the file with --config" in " ".join(capsys.readouterr().err.split())
    assert main([*repeat, "--config", str(tmp_path / "ridge.py")]) == 0
    assert json.loads((tmp_path / "again" / "config.json").read_text())["experiment"]["method"]["ridge"] == 3
