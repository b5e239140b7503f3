"""The command line: verbs, and each mistake as one line with exit status 2 and nothing written."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.driver.load import load_config
from jzsl.driver.runner import run
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

TINY = Path(__file__).parent / "driver" / "tiny.py"
FAST = ["--train.epochs", "1", "--seeds", "1"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    assert main(["run", str(TINY), *FAST, "--out", str(out)]) == 0
    return out


def test_run_prints_a_table_and_saves(finished, tmp_path, capsys):
    assert main(["run", str(TINY), *FAST, "--out", str(finished), "--resume"]) == 0
    printed = capsys.readouterr().out
    for word in ("T1", "U", "S", "H", "AUSUC", "mean", "std", "inductive", "1 epoch (fixed)", str(finished.name)):
        assert word in printed


def test_overrides_reach_nested_fields(tmp_path):
    out = tmp_path / "run"
    arguments = ["--method.generator.kernel", "Metropolis", "--method.generator.sigma", "0.5", "--data.seed", "3"]
    assert main(["run", str(TINY), *FAST, *arguments, "--out", str(out)]) == 0
    saved = json.loads((out / "config.json").read_text())["experiment"]
    assert saved["method"]["generator"]["kernel"] == {"type": "jzsl.sampling.metropolis:Metropolis"}
    assert saved["method"]["generator"]["sigma"] == 0.5
    assert saved["data"]["seed"] == 3
    assert 0 < json.loads((out / "metrics.jsonl").read_text())["acceptance"] < 1


@pytest.mark.parametrize("method", ["APN", "HAS", "OnFeatures"])
def test_a_method_that_needs_semantics_is_refused_in_one_line_where_there_are_none(tmp_path, capsys, random, method):
    arrays = {"images": random.integers(0, 255, (24, 4, 4, 1), dtype=np.uint8), "labels": np.repeat(np.arange(6), 4),
              "train": np.arange(16), "test_unseen": np.arange(16, 24)}  # fmt: skip
    np.savez(tmp_path / "samples.npz", allow_pickle=False, **arrays)
    options = ["--data", "Arrays", "--data.path", str(tmp_path / "samples.npz"), "--method", method, "--tasks", "ZSL"]
    assert main(["run", str(TINY), *FAST, *options, "--out", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["jzsl: semantics: none found, but this method learns from one vector per class"]


def test_help_shows_every_field_with_default_and_meaning(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", str(TINY), "-h"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in (
        "--method.generator.sigma",
        "--method.generator.kernel Metropolis | Preconditioned | Unadjusted",
        "--train.epochs",
        "None chooses it on validation classes",
        "s, the Langevin step size (default: 0.3)",
        "--resume",
        "--seeds",
        "--transform MinMax | PrincipalComponents | Unscaled | Whitened",
        "--data.samples-per-class",
    ):
        assert words in text
    assert main(["-h"]) == 0
    assert main([]) == 2


@pytest.mark.parametrize("task", [ZSL(), GZSL()])
def test_predict_classifies_new_samples(finished, tmp_path, task):
    """Scores from the command line are those of the library on the same samples; every format of features works."""
    features = load_config(TINY).data.load().samples[::7]
    np.save(tmp_path / "x.npy", features)
    np.savez(tmp_path / "x.npz", features=features)
    tables = []
    for name in ("x.npy", "x.npz"):
        out = tmp_path / f"{name}.csv"
        assert main(["predict", str(finished), str(tmp_path / name), "--out", str(out), "--task", task.name]) == 0
        tables.append(out.read_text())
    assert tables[0] == tables[1]
    table = list(csv.DictReader(tables[0].splitlines()))
    assert len(table) == len(features)
    names = list(table[0])[3:]
    assert len(names) == (3 if task == ZSL() else 8)
    for number, row in enumerate(table):
        scores = {name: float(row[name]) for name in names}
        assert int(row["sample"]) == number
        assert row["class"] == max(scores, key=lambda name: scores[name])
        assert float(row["score"]) == max(scores.values())


def test_prediction_on_test_samples_reproduces_the_reported_accuracy(finished, tmp_path):
    problem = load_config(TINY).data.load()
    np.save(tmp_path / "x.npy", problem.samples[problem.splits.test_unseen])
    assert main(["predict", str(finished), str(tmp_path / "x.npy"), "--out", str(tmp_path / "p.csv")]) == 0
    with (tmp_path / "p.csv").open() as file:
        predicted = np.array([row["class"] for row in csv.DictReader(file)])
    truth = np.array(problem.class_names)[problem.labels[problem.splits.test_unseen]]
    accuracy = 100 * np.mean([(predicted[truth == name] == name).mean() for name in np.unique(truth)])
    assert accuracy == pytest.approx(json.loads((finished / "result.json").read_text())["T1"]["mean"])


def test_data_info_and_check(capsys, tmp_path):
    for action in ("info", "check"):
        assert main(["data", action, "digits"]) == 0
        printed = capsys.readouterr().out
        for word in ("7 seen, 3 unseen", "1001", "250", "546", "1797 of 64, float32, 460.0 kB", "hash"):
            assert word in printed
    assert "no problems found" in printed
    labels = np.repeat(np.arange(3), 4)
    features = np.ones((12, 2))
    features[3, 1] = np.nan
    semantics = np.eye(3)
    semantics[1] = 0
    np.savez(
        tmp_path / "bad.npz", features=features, labels=labels, semantics=semantics,
        train=np.arange(4, 12), test_unseen=np.arange(4),
    )  # fmt: skip
    assert main(["data", "check", str(tmp_path / "bad.npz")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "sample 3" in lines[0]
    assert "semantics" in lines[1]


def test_data_info_shows_what_samples_are(capsys, tmp_path):
    assert main(["data", "info", "digits_images"]) == 0
    assert "1797 of 8 x 8 x 1, uint8, 115.0 kB" in capsys.readouterr().out
    labels = np.repeat(np.arange(4), 5)
    observed = np.arange(40).reshape(20, 2) % 4 > 0
    np.savez(
        tmp_path / "a.npz", features=np.arange(40.0).reshape(20, 2), labels=labels, semantics=np.eye(4),
        train=np.arange(10), test_unseen=np.arange(10, 15), unlabelled=np.arange(15, 20), observed=observed,
        domains=np.arange(20) % 5 // 3, domain_names=np.array(["photo", "sketch"]),
    )  # fmt: skip
    assert main(["data", "info", str(tmp_path / "a.npz")]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in ("photo 12, sketch 8", "unlabelled samples 5", "observed entries 75.0 %", "20 of 2, float64, 0.3 kB"):
        assert words in printed


def test_doubtful_data_are_warned_of_by_check_and_by_run(capsys, tmp_path):
    labels = np.repeat(np.arange(4), 5)
    features = np.random.default_rng(0).normal(size=(20, 2)) + np.array([0, 1e8])
    np.savez(
        tmp_path / "a.npz", features=features, labels=labels, semantics=np.eye(5),
        train=np.arange(10), test_unseen=np.arange(10, 20),
    )  # fmt: skip
    assert main(["data", "check", str(tmp_path / "a.npz")]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\nfrom jzsl.config import *\nfrom jzsl.data.arrays import Arrays\n"
        "from jzsl.methods.eszsl import ESZSL\n"
        f"CONFIG = Experiment(Arrays(Path({str(tmp_path / 'a.npz')!r})), ESZSL(), Train(epochs=1), seeds=1)"
    )
    assert main(["run", str(tmp_path / "mine.py"), "--out", str(tmp_path / "run")]) == 0
    warned = " ".join(capsys.readouterr().err.split())
    for text in (printed, warned):
        assert "feature 1 runs from" in text
        assert "'class 4' has no samples" in text
    assert "usable, see the warnings" in printed


def test_transform_is_named_on_the_command_line(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", str(TINY), *FAST, "--transform", "Unscaled", "--out", str(out)]) == 0
    saved = json.loads((out / "config.json").read_text())["experiment"]["transform"]
    assert saved == {"type": "jzsl.problem.transforms:Unscaled"}
    assert main(["run", str(TINY), "--transform", "minmax", "--out", str(tmp_path / "other")]) == 2
    assert "MinMax" in capsys.readouterr().err


MISTAKES = {
    "unknown verb": (["walk"], "walk: no such verb"),
    "config missing": (["run", "none.py"], "none.py: no such config file"),
    "config without CONFIG": (["run", "{tmp}/empty.py"], "exports no CONFIG"),
    "no seeds": (["run", str(TINY), "--seeds", "0"], "seeds: 0"),
    "no epochs": (["run", str(TINY), "--train.epochs", "0"], "train.epochs: 0"),
    "negative sigma": (["run", str(TINY), "--method.generator.sigma", "-1"], "sigma: -1"),
    "output exists": (["run", str(TINY), "--out", "{tmp}"], "exists already"),
    "output under a file": (["run", str(TINY), "--out", "{tmp}/empty.py/run"], "cannot be made"),
    "nothing to resume": (
        ["run", str(TINY), "--out", "{tmp}/none", "--resume"],
        "no such file; expected the config of a run",
    ),
    "data missing": (["run", "configs/xlsa17_abp.py", "--data.root", "{tmp}/none"], "none: no such folder"),
    "data not a .mat": (["run", "configs/xlsa17_abp.py", "--data.root", "{tmp}/mat"], "res101.mat: not a readable"),
    "source missing": (["data", "info", "{tmp}/none"], "none: no such file"),
    "source of no known kind": (["data", "check", "{tmp}/empty.py"], "unknown kind of file"),
    "run missing": (["predict", "{tmp}", "x.npy", "--out", "y.csv"], "config.json: no such file"),
    "features missing": (["predict", "{run}", "{tmp}/none.npy", "--out", "y.csv"], "none.npy: no such file"),
    "features of another size": (
        ["predict", "{run}", "{tmp}/wide.npy", "--out", "y.csv"],
        "expected samples of 6 features",
    ),
    "features not finite": (
        ["predict", "{run}", "{tmp}/nan.npy", "--out", "y.csv"],
        "sample 1, feature 2 is nan, expected a finite number",
    ),
    "features of text": (["predict", "{run}", "{tmp}/text.npy", "--out", "y.csv"], "expected real numbers"),
    "no such seed": (["predict", "{run}", "{tmp}/fine.npy", "--out", "y.csv", "--seed", "7"], "no such saved model"),
    "output in no folder": (["predict", "{run}", "{tmp}/fine.npy", "--out", "{tmp}/none/y.csv"], "cannot be written"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_is_one_line_status_2_and_writes_nothing(case, finished, tmp_path, capsys, monkeypatch):
    arguments, culprit = MISTAKES[case]
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "mat").mkdir()
    (tmp_path / "mat" / "res101.mat").write_text("no")
    np.save(tmp_path / "wide.npy", np.ones((2, 7)))
    np.save(tmp_path / "fine.npy", np.ones((2, 6)))
    np.save(tmp_path / "text.npy", np.array([["a"] * 6]))
    bad = np.ones((2, 6))
    bad[1, 2] = np.nan
    np.save(tmp_path / "nan.npy", bad)
    before = sorted(tmp_path.rglob("*"))
    shutil.copytree(Path(__file__).parents[1] / "configs", tmp_path / "work" / "configs")
    monkeypatch.chdir(tmp_path / "work")
    arguments = [part.format(tmp=tmp_path, run=finished) for part in arguments]
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert culprit in lines[0]
    after = [path for path in sorted(tmp_path.rglob("*")) if "work" not in path.relative_to(tmp_path).parts]
    assert after == before
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"configs"}


def test_predict_needs_a_run_whose_config_is_whole(finished, tmp_path, capsys):
    broken = tmp_path / "run"
    shutil.copytree(finished, broken)
    np.save(tmp_path / "x.npy", np.ones((2, 6)))
    config = json.loads((broken / "config.json").read_text())
    config["experiment"]["type"] = "os:system"
    (broken / "config.json").write_text(json.dumps(config))
    assert main(["predict", str(broken), str(tmp_path / "x.npy"), "--out", str(tmp_path / "y.csv")]) == 2
    assert "jzsl package" in capsys.readouterr().err
    shutil.copy(finished / "config.json", broken)
    for path in (broken / "checkpoints" / "seed-0").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    assert main(["predict", str(broken), str(tmp_path / "x.npy"), "--out", str(tmp_path / "y.csv")]) == 2
    assert "not readable" in capsys.readouterr().err
    assert not (tmp_path / "y.csv").exists()


def test_divergence_has_its_own_status(tmp_path, capsys):
    wild = ["--method.generator.step-size", "1e3", "--method.generator.langevin-steps", "40"]
    assert main(["run", str(TINY), *FAST, *wild, "--out", str(tmp_path / "run")]) == 1
    assert "epoch 1:" in capsys.readouterr().err


def test_library_run_equals_command_line_run(finished, tmp_path):
    import dataclasses

    config = load_config(TINY)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=1), seeds=1)
    result = run(config, tmp_path / "run", False, Console(quiet=True))
    assert result["T1"] == json.loads((finished / "result.json").read_text())["T1"]
