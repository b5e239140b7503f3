"""Adaptation of image networks: target labels are out of reach, and each domain has statistics of its own."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.per_class import PerClass
from jzsl.driver.load import load_config
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import STATISTICS, AdaBN, target_statistics
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.sths import STHS
from jzsl.studies.runs import Runs
from jzsl.studies.study import StudySetup
from jzsl.tasks.adaptation import Adaptation

BASE = ImageClassifier(network=SmallCNN((4, 6)), adabn=AdaBN(), batch_size=32)


@pytest.fixture(scope="module")
def problem():
    return PerClass(DigitShiftImages(), train=6, test=6).load()


def runs_on(problem, sths=STHS(1, CRST(), warm=True)):
    return Runs(StudySetup(problem, {}, Unscaled(), 2, 1), BASE, (Adaptation(),), sths)


def test_target_labels_change_the_score_alone(problem):
    labels = problem.labels.copy()
    target = problem.splits.test_seen
    labels[target] = np.roll(labels[target], 7)
    other = replace(problem, labels=labels)
    states = [list(map(np.asarray, kept(run))) for run in (runs_on(problem), runs_on(other))]
    for one, two in zip(*states, strict=True):
        np.testing.assert_array_equal(one, two)
    assert runs_on(problem).last_metrics() != runs_on(other).last_metrics()


def kept(runs):
    """Weights and pseudo-labels after the last round."""
    *_, state = runs.states(0)
    return state.model.weights, *runs.pseudo_labels(state)


def test_predictions_use_statistics_of_the_whole_target(problem):
    """Also in a round in which some target samples have pseudo-labels and others none."""
    runs = runs_on(problem, STHS(1, CBSTAVH(), warm=True))
    *_, state = runs.states(0)
    predictor = runs.predictor(state)
    model = jax.tree.map(lambda leaf: leaf[0], state.model)
    every = np.ones(len(runs.x), bool)
    expected = target_statistics(BASE.network.build(), model.variables, runs.x, every, 256)
    jax.tree.map(
        lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5),
        predictor.variables[STATISTICS],
        expected,
    )
    source, target = model.variables[STATISTICS], model.target.statistics
    assert np.abs(source["stage1_block1"]["norm"]["mean"] - target["stage1_block1"]["norm"]["mean"]).max() > 1e-3


def test_shipped_config_runs_for_a_tiny_round(problem):
    config = load_config("configs/digits_image_adaptation.py")
    assert config.self_training is not None
    sths = replace(config.self_training, rounds=1)
    base = replace(config.method, network=replace(config.method.network, network=SmallCNN((4, 6))))
    runs = Runs(StudySetup(problem, {}, config.transform, 1, 1), base, config.tasks, sths)
    accuracies = [runs.metrics(state)["A"] for state in runs.states(0)]
    assert len(accuracies) == 2
    assert min(accuracies) > 10
