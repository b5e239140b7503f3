"""Lengths of training: given in epochs or steps, or chosen on validation classes, and what stops and resumes them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver.checkpoints import ProgressStore
from jzsl.driver.choice import settled
from jzsl.driver.events import Chosen
from jzsl.driver.lengths import Lengths, in_words
from jzsl.driver.plan import plan_of
from jzsl.driver.progress_record import ProgressRecord
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.gated import Gated
from jzsl.methods.s2v import S2V
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from tests.driver.test_sinks import Recorder

QUIET = Console(quiet=True)
DATA = LinearGaussian(classes=12, unseen=4, samples_per_class=20, features=6, semantics=4, latents=2)
SHORT = Train(min_steps=1, patience=2, patience_steps=1, max_epochs=12, checkpoint_seconds=0)
CHOSEN = Experiment(DATA, S2V(hidden=16, batch_size=16), SHORT, seeds=2)


def lengths(train: Train, validation_steps: int = 10, final_steps: int = 16) -> Lengths:
    experiment = Experiment(DATA, S2V(hidden=8), train)
    return Lengths(experiment, train.epochs is None and train.steps is None, False, validation_steps, final_steps, 15)


def lines(out: Path, phase: str):
    every = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line for line in every if line["phase"] == phase]


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (16, 1), (17, 2), (160, 10)])
def test_steps_are_the_fewest_epochs_that_have_so_many(steps, epochs):
    assert lengths(Train(steps=steps)).final(ProgressRecord()) == epochs
    assert lengths(Train(steps=steps)).validation() == -(-steps // 10)


@pytest.mark.parametrize(("chunk", "best", "steps", "epochs"), [(1, 3, 30, 2), (2, 3, 60, 4), (4, 2, 70, 5)])
def test_a_choice_is_carried_over_in_steps(chunk, best, steps, epochs):
    """One evaluation is the best; two of four epochs are cut at seven epochs."""
    record = ProgressRecord(validation=[[1.0] * (best - 1) + [9.0]])
    chosen = lengths(Train(chunk=chunk, max_epochs=7, min_steps=1))
    summary = chosen.summary(record)
    assert summary is not None
    assert (summary["steps"], chosen.final(record)) == (steps, epochs)
    assert summary["evaluated"] == [min(chunk * number, 7) for number in range(1, best + 1)]


def test_the_least_steps_exclude_early_epochs():
    """An epoch on validation classes has ten steps here, so 25 of them end in the third."""
    record = ProgressRecord(validation=[[50.0, 40.0, 30.0, 29.0, 28.0]])
    summary = lengths(Train(min_steps=25)).summary(record)
    assert summary is not None
    assert summary["epochs"] == 3


def test_the_choice_in_words():
    choice = {"epochs": 9, "best": 12, "last": 21, "classes": 15, "steps": 450}
    within = "9 epochs (9 to 21 within one standard error of the best, 12) chosen on 15 validation classes, "
    assert in_words(choice) == f"{within}450 learning steps"
    assert in_words(choice | {"epochs": 1, "last": 1}).startswith("1 epoch (the best by more than one standard error)")


def test_epochs_and_steps_exclude_each_other():
    with pytest.raises(InputError, match=r"train.steps: 3 found beside train.epochs: 2"):
        Train(epochs=2, steps=3)


def test_steps_replace_the_epochs_of_a_config(tmp_path, capsys):
    """The mistake names the option with which the same command runs."""
    config = tmp_path / "tiny.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "CONFIG = Experiment(LinearGaussian(6, 2, 10, 4, 3, 2), S2V(8, batch_size=10), Train(epochs=1), seeds=1)\n"
    )
    command = ["run", str(config), "--out", str(tmp_path / "run"), "--train.steps", "6"]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    option = "--train.epochs None"
    assert option in line
    assert main([*command, *option.split()]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["epochs"] == 2  # of four steps: 40 training samples


def test_patience_counts_epochs_and_steps():
    """Of ten steps an epoch, 300 are 30 epochs; evaluations are two epochs apart."""
    record = ProgressRecord(epoch=42, validation=[[90.0 - number for number in range(21)]])
    assert lengths(Train(chunk=2, min_steps=1)).validated(record, (0,))
    assert not lengths(Train(chunk=2, min_steps=1, patience_steps=401)).validated(record, (0,))
    assert not lengths(Train(chunk=2, min_steps=1, patience=41)).validated(record, (0,))
    assert not lengths(Train(epochs=50)).validated(record, (0,))


def test_other_seeds_train_as_long_as_seed_0():
    """Whichever seeds train together, and however their curves run."""
    falling, rising = [9.0 - number for number in range(9)], [1.0 + number for number in range(9)]
    of = lengths(Train(min_steps=1, patience=8, patience_steps=1, validation_seeds=3))
    record = ProgressRecord(epoch=9, validation=[falling, rising, rising])
    assert of.validated(record, (0, 1, 2))
    assert of.validated(record, (1, 2))
    record.epoch = 8
    assert not of.validated(record, (1, 2))
    record.validation[0] = falling[:8]
    assert not of.validated(record, (0, 1, 2))


def test_patience_ends_validation_early(tmp_path):
    train = dataclasses.replace(SHORT, validation_seeds=2)
    result = run(dataclasses.replace(CHOSEN, train=train), tmp_path / "run", False, QUIET)
    curve, other = result["choice"]["curves"]
    assert len(curve) == len(other) < SHORT.max_epochs
    assert settled(np.array(curve), 2)
    assert not settled(np.array(curve[:-1]), 2)


def test_one_seed_validates_by_default_and_the_choice_is_an_event(tmp_path):
    sink = Recorder()
    result = run(CHOSEN, tmp_path / "run", False, QUIET, sinks=[sink])
    assert {line["seed"] for line in lines(tmp_path / "run", "validation")} == {0}
    assert {line["seed"] for line in lines(tmp_path / "run", "final")} == {0, 1}
    assert [event.choice for event in sink.events if isinstance(event, Chosen)] == [result["choice"]]


def test_a_run_killed_before_or_after_the_choice_makes_the_same_one(tmp_path, monkeypatch):
    experiment = dataclasses.replace(CHOSEN, self_training=STHS(rounds=1), seeds=1)
    whole = run(experiment, tmp_path / "whole", False, QUIET)
    validated = len(lines(tmp_path / "whole", "validation"))
    save = ProgressStore.save
    for saves in (validated - 1, validated):
        count, out = [], tmp_path / f"run{saves}"

        def stop(self, state, record, saves=saves, count=count):
            save(self, state, record)
            count.append(1)
            if len(count) == saves:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(ProgressStore, "save", stop)
            run(experiment, out, False, QUIET)
        assert {**run(experiment, out, True, QUIET), "duration_s": 0} == {**whole, "duration_s": 0}
        assert (out / "metrics.jsonl").read_text() == (tmp_path / "whole" / "metrics.jsonl").read_text()


def test_rounds_take_the_chosen_length(tmp_path):
    """Round 0 has at least the chosen steps, and each round is as long in epochs."""
    experiment = dataclasses.replace(CHOSEN, self_training=STHS(rounds=2), seeds=1)
    plan = plan_of(DATA.load(), experiment)
    result = run(experiment, tmp_path / "run", False, QUIET)
    steps = -(-len(DATA.load().splits.train) // 16)
    assert plan.lengths.final_steps == steps
    assert result["epochs_chosen"]
    assert (result["epochs"] - 1) * steps < result["choice"]["steps"] <= result["epochs"] * steps
    assert [line["round"] for line in lines(tmp_path / "run", "final")] == [0, 1, 2]
    fixed = dataclasses.replace(experiment, train=dataclasses.replace(SHORT, epochs=result["epochs"]))
    assert run(fixed, tmp_path / "fixed", False, QUIET)["T1"] == result["T1"]


def test_the_task_of_the_rounds_chooses_their_length():
    """A detector needs unlabelled samples, which validation has not; its expert of unseen classes has a length."""
    gated = dataclasses.replace(
        CHOSEN, method=Gated(S2V(hidden=8)), tasks=(GZSL(), ZSL()), self_training=STHS(rounds=1)
    )
    assert gated.validated == (ZSL(),)
    plain = dataclasses.replace(gated, method=CHOSEN.method)
    assert dataclasses.replace(plain, calibration=True).validated == (ZSL(), GZSL())
    strict = dataclasses.replace(plain, tasks=(GZSL(),), self_training=STHS(rounds=1, strict=True))
    assert strict.validated == (GZSL(),)
    assert dataclasses.replace(plain, self_training=None).validated == (GZSL(), ZSL())
    plan = plan_of(DATA.load(), gated)
    assert plan.trainer(plan.items[0]).scoring.tasks == (ZSL(),)
    assert plan.lengths.chosen


def test_a_closed_form_needs_no_choice(tmp_path):
    experiment = dataclasses.replace(CHOSEN, method=ESZSL(), seeds=1, self_training=STHS(rounds=1))
    result = run(experiment, tmp_path / "run", False, QUIET)
    assert (result["epochs"], result["epochs_chosen"], result["choice"]) == (1, False, None)
    assert not lines(tmp_path / "run", "validation")
    given = dataclasses.replace(experiment, train=dataclasses.replace(SHORT, epochs=5))
    assert run(given, tmp_path / "given", False, QUIET)["T1"] == result["T1"]
    assert len(lines(tmp_path / "given", "final")) == len(lines(tmp_path / "run", "final"))
    assert json.loads((tmp_path / "given" / "result.json").read_text())["epochs"] == 1
    calibrated = dataclasses.replace(experiment, tasks=(GZSL(),), calibration=True, self_training=None)
    run(calibrated, tmp_path / "calibrated", False, QUIET)
    assert len(lines(tmp_path / "calibrated", "validation")) == 1
