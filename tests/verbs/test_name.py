"""Names for the clusters of a run: where they show, whose they are, and what is refused."""

import csv
import json

import numpy as np
import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.config import Experiment
from jzsl.data.digits import Digits
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.driver.runner import run
from jzsl.methods.k_means import KMeans
from jzsl.methods.sae import SAE
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut

DIGITS = PerClass(Digits(unseen=(), validation=()), train=10, test=4)
EXPERIMENT = Experiment(
    NewClasses(DIGITS, new=("7", "8", "9")),
    KMeans(restarts=1),
    tasks=(Discovery(), DiscoveryHeldOut()),
    seeds=2,
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("names") / "run"
    run(EXPERIMENT, out, False, Console(quiet=True))
    np.save(out.parent / "samples.npy", EXPERIMENT.load().samples[:9])
    return out


def classes_of(model_dir, samples, *options):
    table = samples.with_name("table.csv")
    assert main(["predict", str(model_dir), str(samples), "--out", str(table), *options]) == 0
    with table.open() as file:
        return next(csv.reader(file))[3:]


def test_names_show_in_predictions_and_exports_of_their_seed(run_dir):
    samples = run_dir.parent / "samples.npy"
    assert main(["name", str(run_dir), "--classes", "new-1=otter", "new-3=9"]) == 0
    assert main(["name", str(run_dir), "--classes", "new-1=seal"]) == 0
    assert json.loads((run_dir / "names.json").read_text()) == {"0": {"new-1": "seal", "new-3": "9"}}
    assert classes_of(run_dir, samples) == ["seal", "new-2", "9"]
    assert classes_of(run_dir, samples, "--seed", "1") == ["new-1", "new-2", "new-3"]
    assert classes_of(run_dir, samples, "--task", "discovery_held_out") == [*"0123456", "seal", "new-2", "9"]
    exported = run_dir.parent / "exported"
    assert main(["export", str(run_dir), "--out", str(exported)]) == 0
    assert classes_of(exported, samples) == ["seal", "new-2", "9"]
    assert main(["name", str(run_dir), "--classes", "new-1=new-1"]) == 0
    assert classes_of(run_dir, samples) == ["new-1", "new-2", "9"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new-4=otter"], "'new-4' is no cluster of the run, expected new-1, new-2, new-3"),
        (["0=otter"], "'0' is no cluster of the run"),
        (["new-1=0"], "new-1=0: an old class has this name already"),
        (["new-1=new-2"], "new-1=new-2: another cluster has this name already"),
        (["new-1=a", "new-2=a"], "new-1=a: another cluster has this name already"),
        (["new-1=a", "new-1=b"], "a cluster is given twice"),
        (["new-1"], "'new-1' found, expected CLUSTER=NAME"),
        (["new-1= "], "'new-1= ' found, expected CLUSTER=NAME"),
        (["new-1=a", "--seed", "5"], "seed-5"),
    ],
)
def test_what_is_refused(run_dir, capsys, arguments, message):
    before = (run_dir / "names.json").read_bytes() if (run_dir / "names.json").exists() else b""
    assert main(["name", str(run_dir), "--classes", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert before == ((run_dir / "names.json").read_bytes() if (run_dir / "names.json").exists() else b"")


def test_a_run_without_clusters(tmp_path, capsys):
    assert main(["name", str(tmp_path), "--classes", "new-1=otter"]) == 2
    assert "no such file; expected the config of a run" in capsys.readouterr().err
    run(Experiment(PerClass(Digits(), train=10, test=4), SAE(), seeds=1), tmp_path / "run", False, Console(quiet=True))
    assert main(["name", str(tmp_path / "run"), "--classes", "new-1=otter"]) == 2
    assert "this run has no clusters to name; its tasks are zsl" in capsys.readouterr().err


def test_damaged_names(run_dir, tmp_path, capsys):
    kept = (run_dir / "names.json").read_bytes() if (run_dir / "names.json").exists() else None
    (run_dir / "names.json").write_text('{"0": {"new-1": 3}}')
    samples = run_dir.parent / "samples.npy"
    assert main(["predict", str(run_dir), str(samples), "--out", str(tmp_path / "table.csv")]) == 2
    assert "names.json: seed 0: {'new-1': 3} found, expected a name for each cluster" in capsys.readouterr().err
    (run_dir / "names.json").unlink() if kept is None else (run_dir / "names.json").write_bytes(kept)
