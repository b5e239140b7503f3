"""Selectors by brute force on small cases and by property: budget, membership, names of classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jzsl.self_training.selection.all import all_samples
from jzsl.self_training.selection.cfbs import cfbs
from jzsl.self_training.selection.hard_classes import class_frequency, prior_normalised_frequency
from jzsl.self_training.selection.pn_cfbs import pn_cfbs
from jzsl.self_training.selection.random import random_sampling
from jzsl.self_training.selection.top_confidence import top_confidence
from jzsl.types import Predictions, SelectionRequest

SELECTORS = {
    "random": random_sampling,
    "all": all_samples,
    "confidence": top_confidence,
    "cfbs": cfbs,
    "pn_cfbs": pn_cfbs,
}
UNIFORM = jnp.full(5, 0.2)


def predictions_of(labels, classes=5, seed=0):
    """Scores whose argmax is `labels`."""
    scores = np.random.default_rng(seed).uniform(size=(len(labels), classes))
    scores[np.arange(len(labels)), labels] += 1
    return Predictions(jnp.float32(scores), jnp.int32(labels))


# Counts 12, 1, 5, 0, 3: class 3 is predicted for nothing.
Ask = SelectionRequest
LABELS = np.random.default_rng(3).permutation(np.repeat([0, 1, 2, 4], [12, 1, 5, 3]))
ROWS = len(LABELS)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SELECTORS)), st.integers(0, ROWS), st.integers(0, 1000))
def test_the_budget_is_exact(name, n, seed):
    found = jax.jit(SELECTORS[name])(jax.random.key(seed), 3, predictions_of(LABELS), Ask(UNIFORM, n)).multiplicity
    assert found.dtype == jnp.int32
    assert found.min() >= 0
    assert found.sum() == (ROWS * (n > 0) if name == "all" else n)


@pytest.mark.parametrize("name", sorted(SELECTORS))
def test_one_class_is_enough(name):
    predictions = predictions_of(np.zeros(7, int), classes=1)
    found = jax.jit(SELECTORS[name])(jax.random.key(0), 1, predictions, Ask(jnp.ones(1), 3))
    assert found.multiplicity.sum() == (7 if name == "all" else 3)
    np.testing.assert_array_equal(found.label, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, ROWS), st.integers(0, 1000), st.booleans())
def test_hardness_sampling_is_the_brute_force(hard, n, seed, normalise):
    """Which classes, how many of each, and only rows predicted as them."""
    prior = np.array([0.7, 0.05, 0.1, 0.1, 0.05]) if normalise else np.full(5, 0.2)
    selector = pn_cfbs if normalise else cfbs
    given_prior = jnp.float32(prior if normalise else [0.9, 0.025, 0.025, 0.025, 0.025])  # cfbs must not look at it
    found = np.asarray(selector(jax.random.key(seed), hard, predictions_of(LABELS), Ask(given_prior, n)).multiplicity)
    frequency = [np.mean(c == LABELS) for c in range(5)]
    order = sorted((c for c in range(5) if frequency[c] > 0), key=lambda c: frequency[c] / prior[c])[:hard]
    expected = [0] * 5
    for draw in range(n):
        expected[order[draw % len(order)]] += 1
    assert [found[c == LABELS].sum() for c in range(5)] == expected


def test_draws_within_a_class_are_uniform_with_replacement():
    labels = np.repeat([0, 1], [4, 196])
    draw = jax.jit(jax.vmap(cfbs, in_axes=(0, None, None, None)))
    found = draw(
        jax.random.split(jax.random.key(0), 500), 1, predictions_of(labels, 2), Ask(jnp.full(2, 0.5), 40)
    ).multiplicity
    assert (found[:, :4].sum(1) == 40).all()
    assert abs(found[:, 0].mean() - 10) < 5 * np.sqrt(40 * 0.25 * 0.75 / 500)
    assert abs(found[:, 0].var() - 40 * 0.25 * 0.75) < 2.5  # binomial, not dealt out evenly


def test_a_class_may_vanish_and_return():
    """A class without predictions gives no rows and breaks nothing; in the next round it may be the hardest."""
    gone = np.where(LABELS == 1, 0, LABELS)
    without = np.asarray(cfbs(jax.random.key(0), 2, predictions_of(gone), Ask(UNIFORM, 10)).multiplicity)
    assert without[gone == 4].sum() == without[gone == 2].sum() == 5
    back = np.asarray(cfbs(jax.random.key(0), 2, predictions_of(LABELS), Ask(UNIFORM, 10)).multiplicity)
    assert back[LABELS == 1].sum() == 5
    one = np.asarray(cfbs(jax.random.key(0), 5, predictions_of(np.zeros(8, int)), Ask(UNIFORM, 8)).multiplicity)
    assert one.sum() == 8


@pytest.mark.parametrize("name", ["cfbs", "pn_cfbs"])
def test_renaming_the_classes_changes_no_class_share(name):
    renamed = np.array([3, 0, 4, 1, 2])
    prior = np.array([0.5, 0.1, 0.2, 0.1, 0.1])
    moved = np.empty(5)
    moved[renamed] = prior
    one, two = (
        np.asarray(SELECTORS[name](jax.random.key(0), 3, predictions_of(labels), Ask(jnp.float32(p), 12))[0])
        for labels, p in ((LABELS, prior), (renamed[LABELS], moved))
    )
    for c in range(5):
        assert one[c == LABELS].sum() == two[renamed[LABELS] == renamed[c]].sum()


def test_ties_between_classes_are_broken_at_random():
    labels = np.repeat(np.arange(5), 4)
    found = jax.vmap(cfbs, in_axes=(0, None, None, None))(
        jax.random.split(jax.random.key(0), 500), 1, predictions_of(labels), Ask(UNIFORM, 4)
    ).multiplicity
    share = found.reshape(500, 5, 4).sum(2).mean(0) / 4
    np.testing.assert_allclose(share, 0.2, atol=5 * np.sqrt(0.16 / 500))


def test_random_sampling_is_uniform_without_replacement():
    draw = jax.vmap(random_sampling, in_axes=(0, None, None, None))
    found = draw(jax.random.split(jax.random.key(0), 2000), (), predictions_of(LABELS), Ask(UNIFORM, 7)).multiplicity
    assert found.max() == 1
    np.testing.assert_allclose(found.mean(0), 7 / ROWS, atol=5 * np.sqrt(0.25 / 2000))


def test_confidence_takes_the_largest_margins():
    predictions = predictions_of(LABELS)
    ordered = np.sort(predictions.scores, 1)
    margin = ordered[:, -1] - ordered[:, -2]
    found = top_confidence(jax.random.key(0), (), predictions, Ask(UNIFORM, 6)).multiplicity
    np.testing.assert_array_equal(np.flatnonzero(found), np.sort(np.argsort(-margin)[:6]))


def test_a_single_class_is_equally_confident_everywhere():
    predictions = Predictions(jnp.float32(np.arange(8))[:, None], jnp.zeros(8, jnp.int32))
    draw = jax.vmap(top_confidence, in_axes=(0, None, None, None))
    selected = draw(jax.random.split(jax.random.key(0), 400), (), predictions, Ask(jnp.ones(1), 4)).multiplicity
    np.testing.assert_array_equal(selected.sum(1), 4)
    np.testing.assert_allclose(selected.mean(0), 0.5, atol=5 * np.sqrt(0.25 / 400))


def test_frequencies():
    np.testing.assert_allclose(class_frequency(predictions_of(LABELS)), np.array([12, 1, 5, 0, 3]) / 21, rtol=1e-6)
    found = prior_normalised_frequency(jnp.array([0.5, 0.5, 0.0, 0.0]), jnp.array([0.25, 0.0, 0.75, 0.0]))
    np.testing.assert_array_equal(found, [2, np.inf, 0, np.inf])
