"""Plans: what a run is made of, and what it refuses before anything is computed."""

import dataclasses

import numpy as np
import pytest

from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver.plan import plan_of
from jzsl.errors import InputError
from jzsl.methods.s2v import S2V
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
    experiment = Experiment(DATA, S2V(hidden=8), Train(max_epochs=2), seeds=3, parallel_seeds=2)
    items = plan_of(DATA.load(), experiment).items
    assert [(item.phase, item.seeds) for item in items] == [
        ("validation", (0, 1)), ("validation", (2,)), ("final", (0, 1)), ("final", (2,)),
    ]  # fmt: skip
