"""Runs: what they write, how they choose epochs, and that stopping them anywhere loses nothing."""

import dataclasses
import json
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.console import Console

from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.devices.program import Program
from jzsl.devices.replicas import replicate
from jzsl.driver import plan, runner
from jzsl.driver.choice import choose
from jzsl.driver.interrupt import Interrupted, InterruptFlag
from jzsl.driver.load import load_config
from jzsl.driver.plan import inductive_trainer
from jzsl.driver.programs import Programs
from jzsl.driver.runner import run
from jzsl.driver.trainer import Trainer
from jzsl.errors import DivergedError, InputError
from jzsl.tasks.zsl import ZSL

TINY = Path(__file__).with_name("tiny.py")
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def config() -> Experiment:
    """Eight seen classes, two of them for validation."""
    tiny = load_config(TINY)
    assert isinstance(tiny.data, LinearGaussian)
    return dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, classes=11))


@pytest.fixture(scope="module")
def traces() -> list[int]:
    """An entry for each time that `whole` traced its training."""
    return []


@pytest.fixture(scope="module")
def whole(config, traces, tmp_path_factory):
    """The folder of an uninterrupted run, and its result."""

    class Counting(Programs):
        def __init__(self, experiment, methods=None, procedure=None):
            super().__init__(experiment, methods, procedure)
            fit = experiment.method.build(experiment.tasks[0]).fit

            def counted(*arguments):
                traces.append(1)
                return fit(*arguments)

            replicated = replicate(counted, self.mesh, (True, False, False, False, False))
            self.fit = Program(replicated, uses_up=True)

    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "Programs", Counting)
        return out, run(config, out, False, QUIET)


def rows(out: Path):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(out: Path, other: Path):
    """The same numbers to the last bit, in the journal and in the result."""
    assert rows(out) == rows(other)
    one, two = (json.loads((path / "result.json").read_text()) for path in (out, other))
    assert {**one, "duration_s": 0} == {**two, "duration_s": 0}


def test_run_writes_what_it_promises(whole, config):
    out, result = whole
    names = {path.name for path in out.iterdir()}
    assert names == {"config.json", "metrics.jsonl", "result.json", "checkpoints", "predictions", ".lock"}
    assert json.loads((out / "result.json").read_text()) == result
    assert (result["setting"], result["tasks"], result["seeds"]) == ("inductive", ["zsl", "gzsl"], [0, 1])
    assert result["features"] == {"name": "synthetic", "hash": config.data.load().hash, "backbone": "none"}
    assert {"jax", "numpy", "python", "jzsl"} <= set(result["versions"])
    assert result["notes"] == ["validation classes: a fixed random fifth of the seen ones"]
    assert result["duration_s"] > 0
    for name in ("T1", "U", "S", "H", "AUSUC"):
        values = result[name]["values"]
        assert len(values) == 2
        assert all(0 <= value <= 100 for value in values)
        assert result[name]["mean"] == pytest.approx(np.mean(values))
        assert result[name]["std"] == pytest.approx(np.std(values, ddof=1))
    journal = rows(out)
    assert len(journal) == 2 * 4 + 2 * result["epochs"]
    assert {"phase", "seed", "epoch", "loss", "energy", "stability", "T1", "H"} <= set(journal[0])
    last = {row["seed"]: row for row in journal if row["phase"] == "final" and row["epoch"] == result["epochs"]}
    assert [last[seed]["T1"] for seed in (0, 1)] == result["T1"]["values"]


def test_epochs_are_chosen_by_all_seeds_on_validation_classes_and_carried_over_in_steps(whole, config):
    out, result = whole
    curves = [[r["T1"] for r in rows(out) if r["phase"] == "validation" and r["seed"] == s] for s in (0, 1)]
    assert np.ptp(np.mean(curves, axis=0)) > 0, "a flat curve chooses nothing"
    choice, problem = result["choice"], config.data.load()
    assert choice["curves"] == curves
    assert choice["epochs"] == choose(np.array(curves)).chosen + 1
    assert choice["classes"] == len(problem.validation().unseen_classes) == 2
    steps = [
        -(-len(part.splits.train) // config.method.generator.batch_size) for part in (problem.validation(), problem)
    ]
    assert choice["steps"] == choice["epochs"] * steps[0]
    assert (result["epochs"] - 1) * steps[1] < choice["steps"] <= result["epochs"] * steps[1]
    assert result["epochs_chosen"]


def test_fixed_epochs_skip_the_choice(config, tmp_path):
    fixed = dataclasses.replace(config, train=Train(epochs=3, chunk=2), seeds=1, tasks=(ZSL(),))
    result = run(fixed, tmp_path / "run", False, QUIET)
    assert (result["epochs"], result["epochs_chosen"]) == (3, False)
    assert [row["epoch"] for row in rows(tmp_path / "run")] == [2, 3]
    assert "H" not in result


def test_one_compilation_serves_phases_seeds_and_chunks(whole, traces):
    assert (whole[0] / "result.json").exists()
    assert len(traces) == 1


def test_training_sees_no_test_label(config):
    """Shuffled test labels leave state and scores alone and change the numbers."""
    problem = config.data.load()
    labels = problem.labels.copy()
    labels[problem.splits.test_unseen] = np.roll(labels[problem.splits.test_unseen], 20)
    ends = []
    for part in (problem, dataclasses.replace(problem, labels=labels)):
        trainer = inductive_trainer(part, config)
        state, _ = trainer.fit(trainer.init((0,)), 0, 2, 2)
        ends.append((state.generator.params, trainer.scores(state).metrics()))
    jax.tree.map(np.testing.assert_array_equal, ends[0][0], ends[1][0])
    assert ends[0][1] != ends[1][1]


def stopping_after(monkeypatch, count, error):
    """Makes the journal's `count`-th append raise, as a kill between two checkpoints would stop it."""
    append, seen = runner.Journal.append, []

    def stop(self, row):
        append(self, row)
        seen.append(row)
        if len(seen) == count:
            raise error

    monkeypatch.setattr(runner.Journal, "append", stop)


@pytest.mark.parametrize("count", [1, 4, 8, 10])  # within and at the end of each phase
def test_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(whole, config, tmp_path, monkeypatch, count):
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, count, KeyboardInterrupt())
        run(config, out, False, QUIET)
    assert not (out / "result.json").exists()
    run(config, out, True, QUIET)
    assert_same_run(out, whole[0])


def test_resuming_a_finished_run_returns_its_result(whole, config):
    assert run(config, whole[0], True, QUIET) == whole[1]


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(whole, config, tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, 4, KeyboardInterrupt())
        run(config, out, False, QUIET)
    steps = sorted((out / "checkpoints" / "progress").iterdir(), key=lambda path: int(path.name))
    assert len(steps) == 2
    damaged = [path for path in steps[-1].rglob("*") if path.is_file()]
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told = Console(record=True, file=open(os.devnull, "w"), width=200)  # noqa: SIM115
    run(config, out, True, told)
    assert "damaged" in told.export_text()
    assert_same_run(out, whole[0])


def test_all_checkpoints_damaged_is_an_error_that_deletes_nothing(config, tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, 4, KeyboardInterrupt())
        run(config, out, False, QUIET)
    files = [path for path in (out / "checkpoints" / "progress").rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(b"")
    with pytest.raises(InputError, match="none of the 2 checkpoints"):
        run(config, out, True, QUIET)
    assert all(path.exists() for path in files)
    assert len(rows(out)) == 4


def test_resuming_another_run_is_refused_by_field_name(whole, config, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(whole[0], out)
    other = dataclasses.replace(config, seeds=3)
    with pytest.raises(InputError, match=r"seeds: 2, now 3"):
        run(other, out, True, QUIET)
    method = dataclasses.replace(config.method, per_class=31)
    with pytest.raises(InputError, match=r"method\.per_class: 30, now 31"):
        run(dataclasses.replace(config, method=method), out, True, QUIET)
    header = json.loads((out / "config.json").read_text())
    header["data"]["hash"] = "0" * 16
    (out / "config.json").write_text(json.dumps(header))
    with pytest.raises(InputError, match="data of hash 0000"):
        run(config, out, True, QUIET)
    (out / "config.json").write_text("{")
    with pytest.raises(InputError, match="not the config of a run"):
        run(config, out, True, QUIET)
    with pytest.raises(InputError, match="no such file; expected the config of a run"):
        run(config, tmp_path / "none", True, QUIET)


def test_other_versions_are_a_warning(whole, config, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(whole[0], out)
    header = json.loads((out / "config.json").read_text())
    header["versions"]["jax"] = "0.0.1"
    (out / "config.json").write_text(json.dumps(header))
    told = Console(record=True, file=open(os.devnull, "w"), width=200)  # noqa: SIM115
    run(config, out, True, told)
    assert "jax: '0.0.1', now" in told.export_text()


def test_a_loss_that_is_not_finite_stops_the_run(config, tmp_path):
    wild = dataclasses.replace(
        config,
        method=dataclasses.replace(
            config.method, generator=dataclasses.replace(config.method.generator, step_size=1e3, langevin_steps=40)
        ),
    )
    with pytest.raises(DivergedError, match=r"validation seed 0, epoch \d+: .*\w+ is (nan|inf)"):
        run(wild, tmp_path / "run", False, QUIET)
    assert not (tmp_path / "run" / "result.json").exists()


def test_divergence_tells_the_norms_and_keeps_the_last_good_checkpoint(config, tmp_path, monkeypatch):
    """A NaN in the fourth epoch: the message has the norm before it, and what was saved goes on as if nothing were."""
    fixed = dataclasses.replace(config, train=Train(epochs=5, checkpoint_seconds=0), seeds=1, tasks=(ZSL(),))
    fit, calls = Trainer.fit, []

    def poisoned(self, state, *arguments):
        state, metrics = fit(self, state, *arguments)
        calls.append(1)
        return state, metrics | ({"gradient_norm": metrics["gradient_norm"] * np.nan} if len(calls) == 4 else {})

    monkeypatch.setattr(Trainer, "fit", poisoned)
    with pytest.raises(
        DivergedError, match=r"final seed 0, epoch 4: gradient_norm is nan \(before: gradient_norm \d"
    ) as stop:
        run(fixed, tmp_path / "run", False, QUIET)
    assert "is of epoch 3, and nothing was saved over it" in str(stop.value)
    assert len(rows(tmp_path / "run")) == 3
    monkeypatch.undo()
    run(fixed, tmp_path / "run", True, QUIET)
    run(fixed, tmp_path / "whole", False, QUIET)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_an_interrupt_is_a_wish_until_the_second_one():
    before = signal.getsignal(signal.SIGTERM)
    with InterruptFlag() as flag:
        os.kill(os.getpid(), signal.SIGTERM)
        assert flag.signum == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == before
    with InterruptFlag() as flag:
        assert flag.signum is None
    assert signal.getsignal(signal.SIGTERM) == before
    assert (Interrupted(signal.SIGINT).status, Interrupted(signal.SIGTERM).status) == (130, 143)
