"""Foreign inputs end in success or in one clear error; a count of both is printed. Thousands with `-m slow`."""

import io
import json
import resource
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jzsl.cli import main
from jzsl.data.arrays import Arrays
from jzsl.data.xlsa17 import Xlsa17
from jzsl.driver import saved_model
from jzsl.driver.load import load_config
from jzsl.driver.repeat import recorded
from jzsl.errors import InputError
from jzsl.exchange import decode, encode
from jzsl.export.read import read_exported
from jzsl.report.run_artifacts import read
from tests.fuzz.mutations import CHANGES, EDITS, changed, edited

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"
EXAMPLES = [25, pytest.param(2000, marks=pytest.mark.slow)]
FEWER = [5, pytest.param(400, marks=pytest.mark.slow)]
"""Where an example takes some tenths of a second."""
_MOST_BYTES = 200_000_000


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, Path]:
    """A good file of every format, of the same problem."""
    folder = tmp_path_factory.mktemp("fuzz")
    problem = load_config(TINY).data.load()
    splits = problem.splits
    entries = {"features": problem.samples, "labels": problem.labels, "semantics": problem.required_semantics,
               "class_names": np.array(problem.class_names), "train": splits.train, "test_seen": splits.test_seen,
               "test_unseen": splits.test_unseen}  # fmt: skip
    saves: dict[str, Any] = {"arrays.npz": np.savez, "small.npz": np.savez_compressed}
    for name, save in saves.items():
        save(folder / name, **entries)
    with h5py.File(folder / "arrays.h5", "w") as file:
        for name, value in entries.items():
            file[name] = value.astype("S") if value.dtype.kind == "U" else value
    (folder / "npy").mkdir()
    for name, value in entries.items():
        np.save(folder / "npy" / f"{name}.npy", value)
    (folder / "mat").mkdir()
    names = np.array([[name] for name in problem.class_names], object)
    rows = {name: getattr(splits, name)[:, None] + 1 for name in ("train", "test_seen", "test_unseen")}
    matlab = {"att": problem.required_semantics.T, "allclasses_names": names, "trainval_loc": rows["train"],
              "test_seen_loc": rows["test_seen"], "test_unseen_loc": rows["test_unseen"]}  # fmt: skip
    scipy.io.savemat(folder / "mat" / "att_splits.mat", matlab)
    features = {"features": problem.samples.T, "labels": problem.labels[:, None] + 1.0}
    scipy.io.savemat(folder / "mat" / "res101.mat", features, do_compression=True)
    images = {**entries, "images": (problem.samples.astype(int) % 256).astype(np.uint8)[:, :, None, None],
              "domains": problem.labels % 2, "domain_names": np.array(["photo", "sketch"]),
              "unlabelled": splits.test_seen[:5], "test_seen": splits.test_seen[5:]}  # fmt: skip
    np.savez(folder / "images.npz", **{name: value for name, value in images.items() if name != "features"})
    return {
        "npz": folder / "arrays.npz",
        "images npz": folder / "images.npz",
        "compressed npz": folder / "small.npz",
        "h5": folder / "arrays.h5",
        "npy": folder / "npy" / "labels.npy",
        "mat splits": folder / "mat" / "att_splits.mat",
        "mat features": folder / "mat" / "res101.mat",
    }


def load(path: Path):
    if path.suffix == ".mat":
        return Xlsa17(path.parent).load()
    return Arrays(path.parent if path.suffix == ".npy" else path).load()


def attempt(action: Callable[[], object], outcomes: Counter) -> None:
    """It succeeds, or says in one line why not; anything else is an error of ours."""
    message = None
    try:
        action()
    except InputError as error:
        message = str(error)
    outcomes["read" if message is None else "refused"] += 1
    assert message is None or (len(message) > 20 and "\n" not in message)


def peak_memory() -> int:
    """The most bytes of this process that were ever in memory; what is only reserved does not count."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def many(count: int):
    """Settings for so many examples, of any duration."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    # Not made smaller: the edits are few, and an example may take a second.
    phases = (Phase.explicit, Phase.generate)
    return settings(
        max_examples=count, phases=phases, deadline=None, suppress_health_check=checks, database=None, derandomize=True
    )


def tally(outcomes: Counter, count: int, name: str) -> None:
    """Prints how it went, and sees that inputs were neither all good nor all bad by construction."""
    print(f"{name}: {dict(outcomes)}")
    assert sum(outcomes.values()) >= count // 2
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize("name", ["npz", "images npz", "compressed npz", "h5", "npy", "mat splits", "mat features"])
def test_foreign_bytes_in_data_files(sources, tmp_path, name, count):
    source = sources[name]
    folder = tmp_path / "copy"
    shutil.copytree(source.parent, folder)
    whole, outcomes = source.read_bytes(), Counter()

    @many(count)
    @given(EDITS)
    def check(edits):
        (folder / source.name).write_bytes(edited(whole, edits))
        attempt(lambda: load(folder / source.name), outcomes)

    before = peak_memory()
    check()
    assert peak_memory() - before < _MOST_BYTES
    tally(outcomes, count, name)


@pytest.mark.parametrize("count", EXAMPLES)
def test_foreign_configs(count):
    """What config.json of a run may hold; nothing outside the package is imported or called."""
    document, outcomes = json.loads(json.dumps(encode(load_config(TINY)))), Counter()

    @many(count)
    @given(CHANGES)
    def check(changes):
        attempt(lambda: decode(changed(document, changes)), outcomes)

    check()
    tally(outcomes, count, "config")


_FIELDS = ["seeds", "train.epochs", "train.max-epochs", "tasks", "method.per-class", "method.generator.sigma",
           "method.generator.kernel", "method.zsl.neighbours", "data.classes", "data.samples-per-class", "memory-gb",
           "parallel-seeds", "transform", "calibration", "self-training.rounds", "selection", "out",
           "nonsense"]  # fmt: skip
_VALUES = st.one_of(
    st.integers(-2, 3).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["zsl", "gzsl", "True", "None", "Metropolis", "MinMax", "", "--", "nan", "1e400", "０", "$(reboot)"]
    ),
    st.text(max_size=5).filter(lambda text: "\x00" not in text),
)


@pytest.mark.parametrize("count", EXAMPLES)
def test_foreign_overrides(tmp_path, monkeypatch, capsys, count):
    """Of a run's fields at the command line; parsed as for a run, which is then left out."""
    outcomes = Counter()
    monkeypatch.setattr(
        "jzsl.verbs.run.run_experiment", lambda *arguments: (_ for _ in ()).throw(InputError("left out"))
    )

    @many(count)
    @given(st.lists(st.tuples(st.sampled_from(_FIELDS), _VALUES), min_size=1, max_size=3))
    def check(options):
        arguments = [part for name, value in options for part in (f"--{name}", value)]
        try:
            status = main(["run", str(TINY), *arguments])
        except SystemExit as stop:  # of the parser
            status = stop.code
        assert status in (0, 2)
        error = capsys.readouterr().err
        assert "Traceback" not in error
        outcomes["read" if "left out" in error else "refused"] += 1

    check()
    tally(outcomes, count, "overrides")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("fuzz") / "run"
    assert main(["run", str(TINY), "--train.epochs", "1", "--seeds", "1", "--out", str(out)]) == 0
    assert main(["export", str(out), "--out", str(out.parent / "exported")]) == 0
    return out


@pytest.mark.parametrize("count", FEWER)
@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "result.json",
        "metrics.jsonl",
        "predictions/seed-0.npz",
        "checkpoints/seed-0/record/metadata",
        "checkpoints/seed-0/model/_METADATA",
        "checkpoints/seed-0/model/manifest.ocdbt",
    ],
)
def test_foreign_bytes_in_a_run(run_dir, tmp_path, name, count):
    """Whatever reads a finished run: reports, tables, predictions."""
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    whole, outcomes = (copy / name).read_bytes(), Counter()
    document = (
        None
        if name.endswith(("npz", "ocdbt"))
        else json.loads(whole.decode().splitlines()[0] if "jsonl" in name else whole)
    )

    def load(folder: Path):
        experiment = recorded(folder)[0]
        return saved_model.load(folder / "checkpoints" / "seed-0", experiment)

    def check(content: bytes):
        (copy / name).write_bytes(content)
        if name.startswith("checkpoints"):
            attempt(lambda: load(copy), outcomes)
        else:
            attempt(lambda: read(copy), outcomes)

    @many(count)
    @given(EDITS)
    def check_bytes(edits):
        check(edited(whole, edits))

    @many(count)
    @given(CHANGES)
    def check_values(changes):
        check(json.dumps(changed(document, changes)).encode())

    check_bytes()
    if document is not None:
        check_values()
    tally(outcomes, count, name)


@pytest.mark.parametrize("count", FEWER)
@pytest.mark.parametrize("name", ["model.json", "head.npz", "scores.stablehlo", "class.stablehlo"])
def test_foreign_bytes_in_an_exported_model(run_dir, tmp_path, name, count):
    copy = tmp_path / "exported"
    shutil.copytree(run_dir.parent / "exported", copy)
    whole, outcomes = (copy / name).read_bytes(), Counter()

    @many(count)
    @given(EDITS)
    def check(edits):
        (copy / name).write_bytes(edited(whole, edits))
        attempt(lambda: read_exported(copy), outcomes)

    check()
    tally(outcomes, count, name)


def test_nothing_is_unpickled(tmp_path):
    """A pickle that would leave a mark is refused in every format that could carry one."""
    mark = tmp_path / "mark"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (mark,)

    bomb = np.array([Bomb()], object)
    np.save(tmp_path / "features.npy", bomb, allow_pickle=True)
    np.savez(tmp_path / "arrays.npz", features=bomb, allow_pickle=True)
    mark.unlink(missing_ok=True)
    for source in (tmp_path / "arrays.npz", tmp_path):
        with pytest.raises(InputError, match=r"pickle|allow_pickle|Object arrays"):
            Arrays(source).load()
    assert not mark.exists()


def test_sizes_that_only_a_header_claims(tmp_path):
    """A few bytes that say they are terabytes are refused, and no memory is taken for them."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    (tmp_path / "npy").mkdir()
    for name in ("features", "labels"):
        (tmp_path / "npy" / f"{name}.npy").write_bytes(header.getvalue() + bytes(64))
    with h5py.File(tmp_path / "arrays.h5", "w") as file:
        file.create_dataset("features", (10**6, 10**6), "f8", chunks=(100, 100), fillvalue=1.0)
    (tmp_path / "mat").mkdir()
    with h5py.File(tmp_path / "mat" / "res101.mat", "w", userblock_size=512) as file:
        file.create_dataset("features", (10**6, 10**6), "f8", chunks=(100, 100))
        file["labels"] = np.ones((1, 3))
    shutil.copy(tmp_path / "mat" / "res101.mat", tmp_path / "mat" / "att_splits.mat")
    for source in (Arrays(tmp_path / "npy"), Arrays(tmp_path / "arrays.h5"), Xlsa17(tmp_path / "mat")):
        before = peak_memory()
        with pytest.raises(InputError):
            source.load()
        assert peak_memory() - before < _MOST_BYTES
