"""A method of features on images is the method on features that were computed before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.digits_images import DigitImages
from jzsl.evaluation.views import view_of
from jzsl.methods.apn import APN
from jzsl.methods.committee import Committee
from jzsl.methods.exem import EXEM
from jzsl.methods.on_features import OnFeatures, OnFeaturesState
from jzsl.methods.s2v import S2V
from jzsl.nets.in_blocks import pooled_features
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.tasks.zsl import ZSL

NETWORK = SmallCNN((4, 8))


@pytest.fixture(scope="module")
def view():
    view = view_of(DigitImages().load(), Unscaled())
    return view._replace(pool=jax.tree.map(jnp.asarray, view.pool), classes=jax.tree.map(jnp.asarray, view.classes))


def trained(method, state, pool, view):
    state, metrics = method.fit(state, pool, view.classes, 1, 1)
    return method.predictor(state, pool, view.classes, jnp.asarray(view.unseen)), state, metrics


@pytest.mark.parametrize("inner", [EXEM(), S2V(hidden=8)])
def test_scores_are_those_on_features_computed_before(view, inner):
    method, plain, network = OnFeatures(NETWORK, inner).build(ZSL()), inner.build(ZSL()), NETWORK.build()
    key = jax.random.key(3)
    state = method.init(key, view.pool, view.classes)
    features = pooled_features(network, state.variables, view.pool.x)
    pool = view.pool._replace(x=features)
    queries, columns = view.pool.x[:20], jnp.asarray(view.unseen)
    predictor, _, metrics = trained(method, state, view.pool, view)
    expected, _, known = trained(plain, state.inner, pool, view)
    np.testing.assert_allclose(
        method.logits(predictor, queries, columns), plain.logits(expected, features[:20], columns), rtol=1e-3, atol=1e-4
    )
    assert metrics.keys() == known.keys()
    assert (method.closed_form, method.batch_size) == (plain.closed_form, plain.batch_size)
    assert method.sample is None
    assert method.takes_images
    assert method.head is None


def test_the_network_of_a_stage_is_taken_over(view):
    method = OnFeatures(NETWORK).build(ZSL())
    state = method.init(jax.random.key(0), view.pool, view.classes)
    other = method.init(jax.random.key(1), view.pool, view.classes)
    assert method.adopt is not None
    adopted = method.adopt(jax.random.key(2), state, OnFeaturesState(other.variables, None))
    queries, columns = view.pool.x[:20], jnp.asarray(view.unseen)
    one, two, three = (
        np.asarray(method.logits(trained(method, each, view.pool, view)[0], queries, columns))
        for each in (state, adopted, other)
    )
    np.testing.assert_allclose(two, three, rtol=1e-4, atol=1e-5)
    assert np.abs(one - two).max() > 1e-3


def test_a_committee_of_a_network_and_a_method_of_features(view):
    """Their scores, each on its own scale, as a committee of any two methods has them."""
    members = (APN(NETWORK), OnFeatures(NETWORK))
    method = Committee(members).build(ZSL())
    state = method.init(jax.random.key(0), view.pool, view.classes)
    predictor, _, metrics = trained(method, state, view.pool, view)
    scores = np.asarray(method.logits(predictor, view.pool.x[:20], jnp.asarray(view.unseen)))
    assert scores.shape == (20, 3)
    assert np.isfinite(scores).all()
    assert "training_accuracy_0" in metrics
