"""Exported models: the run's scores without jzsl, new classes by their semantics, and mistakes."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.cli import main
from jzsl.driver import saved_model
from jzsl.driver.repeat import recorded
from jzsl.errors import InputError
from jzsl.export.read import SAMPLES, DeployedModel, in_parts, of_run, read_exported
from jzsl.interfaces import Task
from jzsl.problem.transforms import Transform
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, Pool

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"
ROUNDS = """
from jzsl.config import *
from jzsl.data.synthetic import LinearGaussian
from jzsl.methods.eszsl import ESZSL
from jzsl.self_training.refinement.label_propagation import LabelPropagation
data = LinearGaussian(classes=8, unseen=3, samples_per_class=20, features=6, semantics=4, latents=2)
rounds = STHS(1, refinement=LabelPropagation(), average=True)
CONFIG = Experiment(data, ESZSL(), tasks=(ZSL(), GZSL()), seeds=1, self_training=rounds)
"""
FAST = ["--train.epochs", "40", "--seeds", "1"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("export") / "run"
    assert main(["run", str(TINY), *FAST, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def exported(run_dir) -> dict[Task, Path]:
    """The run's model of each task."""
    folders: dict[Task, Path] = {task: run_dir.parent / task.name for task in (ZSL(), GZSL())}
    for task, folder in folders.items():
        assert main(["export", str(run_dir), "--out", str(folder), "--task", task.name]) == 0
    return folders


@pytest.fixture(scope="module")
def features(run_dir) -> np.ndarray:
    experiment, _ = recorded(run_dir)
    return experiment.data.load().samples


def saved(run_dir: Path, task: Task) -> saved_model.Model:
    experiment = recorded(run_dir)[0]
    return saved_model.load(run_dir / "checkpoints" / "seed-0", experiment, task.name)


@pytest.mark.parametrize("task", [ZSL(), GZSL()])
@pytest.mark.parametrize("count", [1, 100, 256, 300])
def test_the_program_scores_as_the_run_does(run_dir, exported, features, task, count):
    """For any number of samples."""
    x = np.resize(features, (count, features.shape[1]))
    model, expected = read_exported(exported[task]), saved(run_dir, task)
    assert model.names == expected.names
    np.testing.assert_allclose(model.scores(x), expected.scores(x), atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, SAMPLES - 1, SAMPLES, SAMPLES + 1, 2 * SAMPLES, 3 * SAMPLES - 1])
def test_a_program_scores_so_many_samples_at_a_time(random, count):
    x, sizes = random.normal(size=(count, 3)), []

    def program(part):
        sizes.append(len(part))
        return 2 * part

    np.testing.assert_array_equal(in_parts(program, x), 2 * x)
    assert set(sizes) == {min(count, SAMPLES)}
    assert len(sizes) == max(1, -(-count // SAMPLES))


def test_without_jzsl(run_dir, exported, features, tmp_path):
    """Programs and arrays are enough, in a process that never imports jzsl."""
    np.save(tmp_path / "x.npy", features[:50])
    script = f"""
import json, sys
import numpy as np
from jax import export
x = np.load({str(tmp_path / "x.npy")!r})
folder = {str(exported[GZSL()])!r}
names = json.load(open(folder + "/model.json"))["classes"]
scores = np.asarray(export.deserialize(bytearray(open(folder + "/scores.stablehlo", "rb").read())).call(x))
head = np.load(folder + "/head.npz")
plain = (x - head["low"]) / head["span"] @ head["weight"] + head["bias"] + head["offset"]
assert np.abs(scores - plain).max() < 1e-4
assert "jzsl" not in sys.modules
print(*[names[column] for column in scores.argmax(1)], sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    expected = saved(run_dir, GZSL())
    assert done.stdout.split("\n")[:-1] == [
        expected.names[column] for column in expected.scores(features[:50]).argmax(1)
    ]


def test_an_added_class_is_what_a_new_prediction_would_make_of_it(run_dir, exported, features, random):
    """The first class added, against the method's own predictor with one class more in its table."""
    trained = saved(run_dir, ZSL())
    semantics = random.uniform(size=trained.classes.required_semantics.shape[1]).astype(np.float32)
    method = trained.method.build(ZSL())
    number = len(trained.classes.required_semantics)
    table = ClassTable(
        np.vstack([trained.classes.required_semantics, semantics]), np.append(trained.classes.seen, False)
    )
    empty = Pool(jnp.zeros((1, features.shape[1])), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32))
    unseen = jnp.append(jnp.asarray(trained.unseen), number)
    predictor = method.predictor(jax.tree.map(jnp.asarray, trained.state), empty, table, unseen)
    expected = np.asarray(method.logits(predictor, jnp.asarray(trained.transform(features)), unseen))
    for ready in (of_run(trained), read_exported(exported[ZSL()])):
        extended = ready.with_class("new", semantics)
        assert extended.names == (*trained.names, "new")
        np.testing.assert_allclose(extended.scores(features), expected, atol=1e-5)


def test_an_added_class_takes_its_samples(run_dir, features):
    """Each class that the run knows is added under another name, and gets more samples of that class than by chance."""
    problem, ready = recorded(run_dir)[0].data.load(), of_run(saved(run_dir, ZSL()))
    shares = []
    for number in problem.seen_classes:
        found = ready.with_class("new", problem.required_semantics[number])
        shares.append(np.mean(found.scores(features[problem.labels == number]).argmax(1) == 3))
    assert np.mean(shares) > 0.35  # chance is 0.25


def test_classes_are_added_at_the_command_line(run_dir, exported, features, tmp_path):
    """To a run and to its export alike, one after another."""
    np.save(tmp_path / "x.npy", features)
    np.save(tmp_path / "vector.npy", np.arange(1, 5) / 4)
    tables = []
    for folder in (run_dir, exported[ZSL()]):
        out = tmp_path / f"{folder.name}.csv"
        added = [f"a new = one={tmp_path / 'vector.npy'}", f"another={tmp_path / 'vector.npy'}"]
        arguments = ["predict", str(folder), str(tmp_path / "x.npy"), "--out", str(out), "--add-class", *added]
        assert main(arguments) == 0
        tables.append(out.read_text())
    assert tables[0] == tables[1]
    assert next(csv.DictReader(tables[0].splitlines())).keys() >= {"class 5", "a new = one", "another"}


def test_classes_trained_together_take_no_other(run_dir, exported):
    for ready in (of_run(saved(run_dir, GZSL())), read_exported(exported[GZSL()])):
        with pytest.raises(InputError, match="trained on all its classes together"):
            ready.with_class("new", np.ones(4))


@pytest.mark.parametrize(
    ("name", "semantics", "message"),
    [
        ("class 5", np.ones(4), "is there already"),
        ("new", np.ones(3), "expected 4 numbers"),
        ("new", np.zeros(4), "all zero"),
        ("new", np.array([1, np.nan, 0, 0]), "not finite"),
        ("new", np.array(list("abcd")), "expected 4 numbers"),
    ],
)
def test_semantics_that_are_none(exported, name, semantics, message):
    with pytest.raises(InputError, match=message):
        read_exported(exported[ZSL()]).with_class(name, semantics)


def test_a_model_without_semantics_takes_no_other_class():
    transform = Transform(np.zeros((6, 6, 3), np.uint8), np.ones((6, 6, 3), np.uint8))
    model = DeployedModel(("a", "b"), transform, lambda x: np.zeros((len(x), 2)), None, np.zeros(2), 0.0, None, 0)
    with pytest.raises(InputError, match="trained without class semantics"):
        model.with_class("new", np.ones(4))
    with pytest.raises(InputError, match="images: float32 found, expected uint8"):
        model.scores(np.zeros((1, 6, 6, 3), np.float32))
    assert model.scores(np.zeros((5, 6, 6, 3), np.uint8)).shape == (5, 2)


def test_mistakes_at_the_command_line(run_dir, exported, features, tmp_path, capsys):
    folder = exported[ZSL()]
    np.save(tmp_path / "x.npy", features)
    predict = ["predict", str(folder), str(tmp_path / "x.npy"), "--out", str(tmp_path / "p.csv"), "--add-class"]
    (tmp_path / "bad.npy").write_bytes(b"foreign")
    for arguments, message in (
        (["export", str(run_dir), "--out", str(folder)], "exists already"),
        (["export", str(tmp_path / "none"), "--out", str(tmp_path / "new")], "no such file"),
        (["export", str(run_dir), "--out", str(tmp_path / "new"), "--seed", "7"], "no such saved model"),
        ([*predict, "nothing"], "expected NAME=VECTOR.npy"),
        ([*predict, f"new={tmp_path / 'none.npy'}"], "not a readable .npy file"),
        ([*predict, f"new={tmp_path / 'bad.npy'}"], "not a readable .npy file"),
    ):
        assert main(arguments) == 2
        error = " ".join(capsys.readouterr().err.split())
        assert message in error
        assert "Traceback" not in error
    assert not (tmp_path / "p.csv").exists()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["model.json", "scores.stablehlo", "class.stablehlo", "head.npz"])
def test_damaged_files_are_named(exported, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(exported[ZSL()], copy)
    whole = (copy / name).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"foreign bytes"):
        (copy / name).write_bytes(damaged)
        with pytest.raises(InputError, match=name):
            read_exported(copy)


def test_what_the_runs_scores_had_besides_is_said(features, tmp_path, capsys):
    """Label propagation and averages over rounds are of the run's unlabelled samples; other tasks have none."""
    np.save(tmp_path / "x.npy", features)
    config = tmp_path / "rounds.py"
    config.write_text(ROUNDS)
    assert main(["run", str(config), "--out", str(tmp_path / "run")]) == 0
    for task, expected in (("zsl", True), ("gzsl", False)):
        capsys.readouterr()
        folder = tmp_path / task
        assert main(["export", str(tmp_path / "run"), "--out", str(folder), "--task", task]) == 0
        note = json.loads((folder / "model.json").read_text())["note"]
        assert (note is not None) == expected
        said = [capsys.readouterr().out]
        for model, chosen in ((tmp_path / "run", ["--task", task]), (folder, [])):
            arguments = ["predict", str(model), str(tmp_path / "x.npy"), "--out", str(tmp_path / "p.csv"), *chosen]
            assert main(arguments) == 0
            said.append(capsys.readouterr().out)
        sentence = "the classifier of the last round alone, without LabelPropagation and averages over rounds"
        assert note is None or note.startswith(sentence)
        assert [f"note: {sentence}" in text for text in said] == [expected] * 3


def test_the_record_says_where_it_is_from(run_dir, exported):
    record = json.loads((exported[ZSL()] / "model.json").read_text())
    result = json.loads((run_dir / "result.json").read_text())
    assert record["setting"] == result["setting"]
    assert record["data"]["hash"] == result["data"]["hash"]
    assert (record["shape"], record["dtype"]) == ([6], "float32")
    assert set(record["platforms"]) == {"cpu", "cuda", "tpu"}
