"""Rounds of self-training on images: what a round scores, and among what it refines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.digits_images import DigitImages
from jzsl.errors import InputError
from jzsl.evaluation.views import transductive
from jzsl.methods.apn import APN
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.refinement.spherical_kmeans import SphericalKMeans
from jzsl.self_training.rounds import self_train
from jzsl.self_training.schedules.linear import LinearSchedule
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.state import Prepared, RoundParameters
from jzsl.self_training.sths import STHS
from jzsl.tasks.zsl import ZSL
from jzsl.types import Predictions

METHOD = APN(SmallCNN((4,))).build(ZSL())


@pytest.fixture(scope="module")
def view():
    return transductive(DigitImages().load(), Unscaled())


def after_round(view, refiner):
    """The state of round 0 at its end, and the predictor that it was made with."""
    selector, schedule = TopConfidence().build(), LinearSchedule().build()
    training = self_train(METHOD, selector, schedule, view.labelled, view.unlabelled, refiner)
    parameters = RoundParameters(jnp.int32(1), selector.parameters(3), schedule.parameters)
    state = training.init(jax.random.key(0), view.pool, view.classes, view.candidates, Prepared(), parameters)
    state = training.begin(state, view.pool, view.classes, view.candidates)
    state, predictor, _ = jax.jit(training.end)(state, view.pool, view.classes, view.candidates)
    return state, predictor


def test_a_round_scores_images_as_the_method_scores_test_samples(view):
    state, predictor = after_round(view, None)
    images = view.pool.x[view.unlabelled_samples]
    assert images.dtype == np.uint8
    expected = METHOD.logits(predictor, images, view.candidates.classes)
    np.testing.assert_allclose(state.predictions.scores, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("config", [LabelPropagation(), SphericalKMeans()])
def test_predictions_of_images_are_refined_among_their_embeddings(view, config):
    refiner = config.build()
    state, predictor = after_round(view, refiner)
    images, columns = view.pool.x[view.unlabelled_samples], view.candidates.classes
    assert METHOD.embedding is not None
    x = METHOD.embedding(predictor, images, columns).x
    scores = METHOD.logits(predictor, images, columns)
    raw = Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32), open=jnp.ones(3, bool))
    prepared = None if refiner.prepare is None else refiner.prepare(x)
    expected = refiner.refine(prepared, raw, x, jnp.full(3, 1 / 3))
    np.testing.assert_allclose(state.unrefined, scores, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state.predictions.scores, expected.scores, rtol=1e-3, atol=1e-4)
    assert np.abs(expected.scores - raw.scores).max() > 0.1


def test_what_images_do_not_allow_is_said(view):
    bare = METHOD._replace(embedding=None)
    training = self_train(
        bare,
        TopConfidence().build(),
        LinearSchedule().build(),
        view.labelled,
        view.unlabelled,
        LabelPropagation().build(),
    )
    parameters = RoundParameters(jnp.int32(1), None, None)
    with pytest.raises(InputError, match="embeddings of a method"):
        training.init(jax.random.key(0), view.pool, view.classes, view.candidates, Prepared(), parameters)
    with pytest.raises(InputError, match=r"prior: .* found for samples of shape \(8, 8, 1\), expected vectors"):
        STHS(selection=PNCFBS()).prepare(view.pool.x[view.unlabelled_samples], 3)
