"""Adaptation of image networks: target labels are out of reach, and each domain has statistics of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.per_class import PerClass
from jzsl.driver.load import load_config
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import STATISTICS, AdaBN, target_statistics
from jzsl.nets.flattened import Flattened
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.sths import STHS
from jzsl.studies.runs import Runs
from jzsl.studies.study import StudySetup
from jzsl.tasks.adaptation import Adaptation

BASE = ImageClassifier(network=SmallCNN((4, 6)), adabn=AdaBN(), batch_size=32)


@pytest.fixture(scope="module")
def problem():
    return PerClass(DigitShiftImages(), train=6, test=6).load()


class Ended(NamedTuple):
    """A training with a round, its last state, and the metrics."""

    runs: Runs
    state: Any
    metrics: dict[str, float]


def ended(problem) -> Ended:
    sths = STHS(1, CRST(), PortionSchedule(), warm=True)
    runs = Runs(StudySetup(problem, {}, Unscaled(), 2, 1), BASE, (Adaptation(),), sths)
    *_, state = runs.states(0)
    return Ended(runs, state, runs.metrics(state))


@pytest.fixture(scope="module")
def training(problem):
    return ended(problem)


def test_target_labels_change_the_score_alone(problem, training):
    labels = problem.labels.copy()
    target = problem.splits.test_seen
    labels[target] = np.roll(labels[target], 7)
    other = ended(replace(problem, labels=labels))
    np.testing.assert_array_equal(training.state.model.weights, other.state.model.weights)
    for one, two in zip(*(each.runs.pseudo_labels(each.state) for each in (training, other)), strict=True):
        np.testing.assert_array_equal(one, two)
    assert training.metrics != other.metrics


def test_predictions_use_statistics_of_the_whole_target(training):
    """Also after a round in which some target samples had pseudo-labels and others none."""
    runs, state, _ = training
    multiplicity = runs.pseudo_labels(state)[1]
    assert 0 < multiplicity.sum() < len(multiplicity)
    predictor, model = runs.predictor(state), jax.tree.map(lambda leaf: leaf[0], state.model)
    every = np.ones(len(runs.x), bool)
    expected = jax.jit(lambda v, x, t: target_statistics(BASE.network.build(), v, x, t, 256))(
        model.variables, runs.x, every
    )
    jax.tree.map(
        lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5),
        predictor.variables[STATISTICS],
        expected,
    )
    source, target = model.variables[STATISTICS], model.target.statistics
    assert np.abs(source["stage1_block1"]["norm"]["mean"] - target["stage1_block1"]["norm"]["mean"]).max() > 1e-3


def test_shipped_config_runs_for_a_tiny_round(problem):
    config = load_config(Path(__file__).parents[2] / "configs" / "digits_image_adaptation.py")
    assert config.self_training is not None
    assert isinstance(config.method, ImageClassifier)
    sths = replace(config.self_training, rounds=1)
    base = replace(config.method, network=Flattened(SmallCNN((4, 6))))
    runs = Runs(StudySetup(problem, {}, config.transform, 1, 1), base, config.tasks, sths)
    selected = [runs.pseudo_labels(state)[1].sum() for state in runs.states(0)]
    assert selected[0] == 0
    assert 0 < selected[1] <= len(runs.x)
