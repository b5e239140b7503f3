"""CBST, CBST+AVH, CRST and the joint selector against loops in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jzsl.self_training.selection.cbst import cbst
from jzsl.self_training.selection.cbst_avh import cbst_avh
from jzsl.self_training.selection.class_balanced import exact_portion
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.selection.pn_cfbs_avc import pn_cfbs_avc
from jzsl.types import Predictions, SelectionRequest

ROWS, CLASSES = 60, 4
UNIFORM = jnp.full(CLASSES, 1 / CLASSES)
LRENT, MRKLD = CRST().lrent, CRST().mrkld
crst, crst_lrent, crst_mrkld = (hyper.build().select for hyper in (CRST(), CRST(mrkld=0), CRST(lrent=0)))


def predictions_of(seed, eligible=None):
    random = np.random.default_rng(seed)
    scores = jnp.float32(random.normal(size=(ROWS, CLASSES)) * 2 + np.array([1.0, 0.5, 0.0, -1.0]))
    angle = jnp.float32(random.uniform(0, np.pi, (ROWS, CLASSES)))
    return Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32), eligible, angle)


def probabilities(predictions):
    weight = np.exp(np.asarray(predictions.scores, np.float64))
    return weight / weight.sum(1, keepdims=True)


def thresholds(confidence, predicted, portion):
    """The confidence at rank floor(portion * count) of each class, 1 where that is none."""
    found = np.ones(CLASSES)
    for k in range(CLASSES):
        own = np.sort(confidence[predicted == k, k])[::-1]
        last = int(np.floor(len(own) * portion + 1e-9))
        if last:
            found[k] = own[last - 1]
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(1, ROWS))
def test_cbst_is_the_solver_of_the_paper(seed, n):
    predictions = predictions_of(seed)
    p, predicted = probabilities(predictions), np.asarray(predictions.label)
    lam = thresholds(p, predicted, n / ROWS)
    found = jax.jit(cbst)(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, n))
    ratio = p / lam
    np.testing.assert_array_equal(found.multiplicity, ratio.max(1) >= 1 - 1e-6)
    np.testing.assert_array_equal(found.label, ratio.argmax(1))
    kept = [int(np.floor((predicted == k).sum() * n / ROWS + 1e-9)) for k in range(CLASSES)]
    own = np.asarray(found.multiplicity) * (predicted == np.asarray(found.label))
    assert all(own[predicted == k].sum() <= kept[k] for k in range(CLASSES))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_portions_are_those_of_unbounded_integers(data):
    total = data.draw(st.integers(1, 2**31 - 1) | st.sampled_from([1, 46_341, 2**30, 2**31 - 1]))
    n = data.draw(st.integers(0, total) | st.sampled_from([0, total - 1, total]))
    counts = data.draw(st.lists(st.integers(0, total) | st.sampled_from([0, total - 1, total]), min_size=3, max_size=3))
    found = jax.jit(exact_portion)(jnp.int32(counts), jnp.int32(n), jnp.int32(total))
    assert found.tolist() == [count * n // total for count in counts]


def test_half_of_a_hundred_thousand_samples_is_taken():
    """50,000 samples of each of two classes: the count of a class times n exceeds 2^31."""
    margin = jnp.linspace(1, 2, 50_000)
    scores = jnp.concatenate([jnp.stack([margin, -margin], 1), jnp.stack([-margin, margin], 1)])
    predictions = Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32))
    found = jax.jit(cbst)(jax.random.key(0), (), predictions, SelectionRequest(jnp.full(2, 0.5), 50_000))
    taken = np.asarray(found.multiplicity)
    np.testing.assert_array_equal(taken[:50_000], taken[50_000:])
    assert taken[25_000:50_000].all()
    assert taken.sum() == pytest.approx(50_000, abs=20)  # a few samples at the threshold are equal in float32


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(1, ROWS))
def test_cbst_avh_keeps_the_label_and_asks_for_angular_confidence(seed, n):
    predictions = predictions_of(seed)
    p, predicted = probabilities(predictions), np.asarray(predictions.label)
    close = np.pi - np.asarray(predictions.angle, np.float64)
    confidence = close / close.sum(1, keepdims=True)
    beta = thresholds(confidence, predicted, n / ROWS)
    label = (p / thresholds(p, predicted, n / ROWS)).argmax(1)
    found = jax.jit(cbst_avh)(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, n))
    np.testing.assert_array_equal(found.label, label)
    sure = confidence[np.arange(ROWS), label] >= beta[label] - 1e-6
    np.testing.assert_array_equal(found.multiplicity, sure)


def test_soft_labels_minimise_the_regularised_loss():
    """LRENT's label beats random ones on -sum y log(p / lambda) + alpha sum y log y, and the empty one where taken."""
    predictions = predictions_of(3)
    p = probabilities(predictions)
    lam = thresholds(p, np.asarray(predictions.label), 0.5)
    found = crst_lrent(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, ROWS // 2))

    def cost(y, row):
        return -(y * np.log(p[row] / lam)).sum() + LRENT * (y * np.log(np.maximum(y, 1e-12))).sum()

    random = np.random.default_rng(0)
    soft = np.asarray(found.soft, np.float64)
    np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-5)
    for row in range(ROWS):
        best = cost(soft[row], row)
        assert all(best <= cost(other, row) + 1e-6 for other in random.dirichlet(np.ones(CLASSES), 200))
        assert bool(found.multiplicity[row]) == (best <= 1e-6)
    assert 0 < found.multiplicity.sum() < ROWS


def test_model_regularisation_is_mass_on_every_class():
    predictions = predictions_of(4)
    plain = cbst(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, 30))
    found = crst_mrkld(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, 30))
    log_p = jax.nn.log_softmax(predictions.scores)
    np.testing.assert_array_equal(found.multiplicity, plain.multiplicity)
    expected = -log_p[jnp.arange(ROWS), plain.label] - MRKLD * log_p.mean(1)
    np.testing.assert_allclose(-(jnp.asarray(found.soft) * log_p).sum(1), expected, rtol=1e-5)
    both = crst(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, 30))
    soft = jnp.asarray(crst_lrent(jax.random.key(0), (), predictions, SelectionRequest(UNIFORM, 30)).soft)
    np.testing.assert_allclose(jnp.asarray(both.soft), soft + MRKLD / CLASSES, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(0, ROWS), st.integers(1, CLASSES))
def test_joint_selector_takes_the_surest_rows_of_the_hard_classes(seed, n, hard):
    predictions = predictions_of(seed)
    predicted = np.asarray(predictions.label)
    prior = np.array([0.413, 0.291, 0.187, 0.109])  # no two classes equally hard
    found = np.asarray(
        jax.jit(pn_cfbs_avc)(jax.random.key(0), hard, predictions, SelectionRequest(jnp.float32(prior), n)).multiplicity
    )
    count = np.bincount(predicted, minlength=CLASSES)
    order = sorted((k for k in range(CLASSES) if count[k]), key=lambda k: count[k] / prior[k])[:hard]
    close = np.pi - np.asarray(predictions.angle, np.float64)
    confidence = (close / close.sum(1, keepdims=True))[np.arange(ROWS), predicted]
    expected = np.zeros(ROWS, int)
    for draw in range(n):
        k, turn = order[draw % len(order)], draw // len(order)
        rows = np.flatnonzero(predicted == k)
        expected[rows[np.argsort(-confidence[rows])][turn % len(rows)]] += 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("total", "n"), [(100_000, 50_000), (1_000_003, 999_999), (2**30 - 1, 2**30 - 1), (7, 3), (5, 0)]
)
def test_shares_of_many_samples_are_exact(random, total, n):
    """Where count n is beyond 32 bits: against Python's integers."""
    count = np.append(random.integers(0, total + 1, 20), [0, total]).astype(np.int32)
    expected = [int(c) * n // total for c in count]
    np.testing.assert_array_equal(jax.jit(exact_portion)(count, n, jnp.int32(total)), expected)


def test_two_classes_of_very_many_samples_are_selected():
    """Half of 100,000 samples: the product of counts overflows 32 bits."""
    scores = jnp.float32(np.random.default_rng(0).normal(size=(100_000, 2)))
    predictions = Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32))
    selected = cbst(jax.random.key(0), (), predictions, SelectionRequest(jnp.full(2, 0.5), 50_000)).multiplicity
    assert 49_000 < int(selected.sum()) < 55_000
