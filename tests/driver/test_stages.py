"""What makes a kept stage another one: its data, a stage before it, its seed."""

import dataclasses

import jax
import numpy as np
import pytest

from jzsl.config import Experiment, Stage, Train
from jzsl.data.digits_images import DigitImages
from jzsl.driver.plan import Item, plan_of
from jzsl.driver.progress_record import ProgressRecord
from jzsl.driver.saved_model import left_out
from jzsl.driver.stages import StageStore
from jzsl.driver.trainer import Trainer
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.pretraining import Pretraining
from jzsl.problem.problem import Backbone
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation

METHOD = ImageClassifier(SmallCNN((2,)))
EXPERIMENT = Experiment(
    DigitImages(), METHOD, Train(epochs=1), (Adaptation(),), seeds=1,
    stages=(Stage("first", METHOD, 1), Stage("second", METHOD, 1)),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Solved(ImageClassifier):
    """As if it were a closed form."""

    def build(self, task):
        return super().build(task)._replace(closed_form=True)


SECOND = Item("final", "second", (0,))


def longer_first(experiment, problem):
    return dataclasses.replace(experiment, stages=(Stage("first", METHOD, 2), experiment.stages[1])), problem


def other_data(experiment, problem):
    return experiment, dataclasses.replace(problem, samples=255 - problem.samples)


def untouched(experiment, problem):
    return experiment, problem


def test_averages_over_rounds_are_left_out_where_there_were_rounds():
    sentence = "the classifier of the last round alone, without averages over rounds"
    for rounds in (0, 2):
        sths = STHS(rounds=rounds, refinement=None, average=True)
        experiment = dataclasses.replace(EXPERIMENT, self_training=sths, stages=())
        note = left_out(experiment, experiment.tasks[0])
        assert (note or "").startswith(sentence) == (rounds > 0)
        assert note is None or rounds


def test_a_stage_of_a_closed_form_takes_one_epoch():
    stages = (Stage("first", METHOD, 3), Stage("second", Solved(SmallCNN((2,))), 3))
    plan, record = plan_of(DigitImages().load(), dataclasses.replace(EXPERIMENT, stages=stages)), ProgressRecord()
    assert [plan.epochs(item, record) for item in plan.items if item.stage] == [3, 1]


@pytest.mark.parametrize(
    ("change", "item", "told"),
    [
        (longer_first, SECOND, "another stage, so it is trained (stages: "),
        (other_data, SECOND, "another stage, so it is trained (data: "),
        (untouched, Item("final", "second", (0, 1)), "stage-final-second-seed-1: no such stage, so it is trained"),
    ],
    ids=["another stage before it", "other data", "another seed"],
)
def test_another_stage_is_trained(tmp_path, change, item, told):
    """The trainer of a stage that is not taken is not asked."""
    problem, warnings, trainer = EXPERIMENT.load(), [], Trainer.__new__(Trainer)
    StageStore(tmp_path / "one", EXPERIMENT, problem, None).keep(SECOND, trainer, {"a": np.ones((1, 3))})
    experiment, problem = change(EXPERIMENT, problem)
    store = StageStore(tmp_path / "two", experiment, problem, tmp_path / "one", warnings.append)
    assert store.take(item, trainer) is None
    assert len(warnings) == 1
    assert told in warnings[0]


@dataclasses.dataclass(frozen=True)
class FromFile:
    """A network that says which file it starts from."""

    def build(self):
        return SmallCNN((2,)).build()._replace(pretraining=lambda: Pretraining("small", FILE["hash"], Backbone.none))


FILE = {"hash": "one"}


def test_a_stage_from_another_file_of_weights_is_trained(tmp_path, monkeypatch):
    """Also one after it, whose own network starts from none."""
    problem, warnings, trainer = EXPERIMENT.load(), [], Trainer.__new__(Trainer)
    stages = (Stage("first", ImageClassifier(FromFile()), 1), Stage("second", METHOD, 1))
    experiment = dataclasses.replace(EXPERIMENT, stages=stages)
    StageStore(tmp_path / "one", experiment, problem, None).keep(SECOND, trainer, {"a": np.ones((1, 3))})
    monkeypatch.setitem(FILE, "hash", "two")
    store = StageStore(tmp_path / "two", experiment, problem, tmp_path / "one", warnings.append)
    assert store.take(SECOND, trainer) is None
    assert "another stage, so it is trained (weights: 'one', now 'two')" in warnings[0]


def test_each_stage_has_its_own_randomness():
    """Stages of the same method and seed start apart, and the experiment's method as it does without stages."""
    programs = plan_of(EXPERIMENT.load(), EXPERIMENT).trainers
    keys = [jax.random.key_data(trainer.programs.keys((0,)))[0].tolist() for trainer in programs.values()]
    assert len({tuple(key) for key in keys}) == 3
    assert keys[-1] == jax.random.key_data(jax.random.key(0)).tolist()
