"""Plans: what a run is made of, and what it refuses before anything is computed."""

import dataclasses

import numpy as np
import pytest

from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver.plan import plan_of
from jzsl.driver.tune import Grid, tune
from jzsl.errors import InputError
from jzsl.methods.s2v import S2V
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

DATA = LinearGaussian(classes=11, unseen=3, samples_per_class=10, features=6, semantics=4, latents=2)


@pytest.mark.parametrize(
    ("settings", "choice"),
    [
        ({"train": Train(epochs=1), "calibration": True}, "the calibration offset"),
        ({"train": Train(max_epochs=2)}, "the number of epochs"),
    ],
)
def test_a_choice_without_held_out_seen_samples_names_the_missing_split(settings, choice):
    problem = DATA.load()
    bare = dataclasses.replace(problem, splits=problem.splits._replace(validation_seen=np.zeros(0, np.int64)))
    experiment = Experiment(DATA, S2V(hidden=8), tasks=(GZSL(),), seeds=1, **settings)
    with pytest.raises(InputError, match=rf"splits.validation_seen: no samples found.*{choice} is chosen on them"):
        plan_of(bare, experiment)


def test_items_follow_each_other_by_phase_and_seed():
    train = Train(max_epochs=2, validation_seeds=3)
    experiment = Experiment(DATA, S2V(hidden=8), train, seeds=3, parallel_seeds=2)
    items = plan_of(DATA.load(), experiment).items
    assert [(item.phase, item.seeds) for item in items] == [
        ("validation", (0, 1)), ("validation", (2,)), ("final", (0, 1)), ("final", (2,)),
    ]  # fmt: skip


def partly_unlabelled():
    """Half of the test samples of unseen classes are unlabelled samples instead."""
    problem = DATA.load()
    test = problem.splits.test_unseen
    return dataclasses.replace(problem, splits=problem.splits._replace(test_unseen=test[::2], unlabelled=test[1::2]))


def test_unlabelled_samples_have_room_in_both_phases():
    problem = partly_unlabelled()
    plan = plan_of(problem, Experiment(DATA, S2V(hidden=8), Train(max_epochs=2), seeds=1))
    for trainer in plan.trainers.values():
        view = trainer.view
        assert view.unlabelled == len(problem.splits.unlabelled)
        assert (view.pool.y[view.unlabelled_samples] == -1).all()
        assert (view.pool.w[view.unlabelled_samples] == 1).all()
    blocks = Experiment(DATA, S2V(hidden=8), Train(epochs=1), seeds=1, samples_per_block=64)
    with pytest.raises(InputError, match="samples_per_block: given, but unlabelled samples are not taken in blocks"):
        plan_of(problem, blocks)


def test_a_choice_scores_the_test_samples_among_the_unlabelled_ones():
    sths = STHS(rounds=1)
    experiment = Experiment(DATA, S2V(hidden=8, batch_size=32), Train(epochs=1), seeds=1, self_training=sths)
    grid = Grid(rounds=(1,), hard_class_fraction=(0.5,), epochs=(1,))
    [trial] = tune(experiment, partly_unlabelled(), grid, lambda _: None)
    assert 0 <= trial.t1[0] <= 100
