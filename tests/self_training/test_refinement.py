"""Label propagation and spherical k-means against dense NumPy and scikit-learn; classes that vanish and return."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from jzsl.self_training.refinement import neighbour_graph as graph_file
from jzsl.self_training.refinement.label_propagation import label_propagation, mass_normalised
from jzsl.self_training.refinement.neighbour_graph import neighbour_graph, propagate
from jzsl.self_training.refinement.spherical_kmeans import spherical_kmeans
from jzsl.types import Predictions


@pytest.fixture
def groups(random):
    """90 rows in three groups of 50, 30 and 10 directions, and noisy predictions of them, 55 % right."""
    truth = np.repeat([0, 1, 2], [50, 30, 10])
    x = np.float32(6 * random.normal(size=(3, 12))[truth] + random.normal(size=(90, 12)))
    label = np.where(random.uniform(size=90) < 0.55, truth, random.integers(0, 3, 90))
    scores = (random.normal(size=(90, 3)) * 0.1).astype(np.float32)
    scores[np.arange(90), label] += 1
    return jnp.array(x), truth, Predictions(jnp.array(scores), jnp.int32(label))


def dense(x, neighbours):
    """W = A + A' and S = D^-1/2 W D^-1/2 as full matrices."""
    unit = np.asarray(x, np.float64) / np.linalg.norm(x, axis=1, keepdims=True)
    similarity = unit @ unit.T
    a = np.zeros_like(similarity)
    for i in range(len(x)):
        order = [j for j in np.argsort(-similarity[i]) if j != i][:neighbours]
        a[i, order] = np.maximum(similarity[i, order], 0)
    w = a + a.T
    scale = 1 / np.sqrt(w.sum(1))
    return w, scale[:, None] * w * scale


@pytest.mark.parametrize("block", [256, 7])
def test_sparse_graph_is_the_dense_one(groups, random, monkeypatch, block):
    monkeypatch.setattr(graph_file, "_QUERIES", block)
    x, _, _ = groups
    w, s = dense(x, 5)
    graph = jax.jit(neighbour_graph, static_argnums=1)(x, 5)
    np.testing.assert_allclose(graph.degree, w.sum(1), rtol=1e-5)
    scores = np.float32(random.normal(size=(90, 4)))
    np.testing.assert_allclose(propagate(graph, jnp.array(scores)), s @ scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("prior", [None, jnp.array([0.3, 0.7])])
def test_a_pool_of_one_sample_keeps_its_prediction(prior):
    scores = jnp.array([[0.5, 2.0]])
    predictions = Predictions(scores, jnp.array([1], jnp.int32))
    found = jax.jit(lambda p, x: label_propagation(p, neighbour_graph(x, 5), prior))(predictions, jnp.ones((1, 4)))
    assert int(found.label[0]) == 1
    if prior is None:
        np.testing.assert_allclose(np.exp(found.scores), jax.nn.softmax(scores), rtol=1e-5)


def test_a_row_without_edges_gets_nothing():
    x = jnp.array([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]])
    found = propagate(neighbour_graph(x, 1), jnp.ones((3, 2)))
    np.testing.assert_array_equal(found[2], 0)
    assert (np.asarray(found[:2]) > 0).all()


def test_label_propagation_solves_its_equation(groups):
    """F = (1 - alpha) (I - alpha S)^-1 Y, row by row normalised."""
    x, truth, predictions = groups
    found = jax.jit(lambda p, x: label_propagation(p, neighbour_graph(x, 8), iterations=300))(predictions, x)
    _, s = dense(x, 8)
    y = np.asarray(jax.nn.softmax(predictions.scores), np.float64)
    f = 0.1 * np.linalg.inv(np.eye(90) - 0.9 * s) @ y
    np.testing.assert_allclose(np.exp(found.scores), f / f.sum(1, keepdims=True), rtol=1e-3)
    before, after = (np.mean(np.asarray(p.label) == truth) for p in (predictions, found))
    assert before < 0.8
    assert after == 1


def test_class_mass_normalisation(random):
    share = np.float32(random.dirichlet(np.ones(4), 200))
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    found = np.asarray(mass_normalised(jnp.array(share), jnp.float32(prior)))
    expected = share * prior * 200 / share.sum(0)
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("prior", [None, [1 / 3, 1 / 3, 1 / 3], [0.0, 0.5, 0.5]])
def test_a_class_may_vanish_and_return(groups, prior):
    """A class that nothing is predicted as takes no rows, breaks nothing, and comes back when the base finds it."""
    x, truth, predictions = groups
    graph = neighbour_graph(x, 8)
    prior = None if prior is None else jnp.array(prior)
    scores = predictions.scores.at[:, 2].set(-1e9)
    gone = label_propagation(Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32)), graph, prior)
    assert np.isfinite(gone.scores).all()
    assert not (gone.label == 2).any()
    back = label_propagation(predictions, graph, prior)
    assert np.isfinite(back.scores).all()
    assert (np.asarray(back.label)[truth == 2] == 2).any()


def test_a_nearly_empty_class_does_not_take_all_rows():
    """Mass 1e-6 of 100 rows: divided by it, the class would be equal to the largest one everywhere."""
    share = jnp.tile(jnp.array([[1 - 1e-8, 1e-8]]), (100, 1))
    found = mass_normalised(share, jnp.array([0.5, 0.5]))
    assert (found[:, 0] > 0.99).all()


def test_spherical_kmeans_finds_the_groups_under_their_names(groups):
    x, truth, predictions = groups
    found = jax.jit(spherical_kmeans)(predictions, x)
    np.testing.assert_array_equal(found.label, truth)
    unit = np.asarray(x) / np.linalg.norm(x, axis=1, keepdims=True)
    starts: Any = np.stack([unit[truth == c][0] for c in range(3)])
    theirs = KMeans(3, init=starts, random_state=0).fit_predict(unit)
    assert adjusted_rand_score(theirs, found.label) == 1
    for c in range(3):
        centre = unit[truth == c].sum(0)
        np.testing.assert_allclose(found.scores[:, c], unit @ centre / np.linalg.norm(centre), atol=1e-5)


def test_spherical_kmeans_with_a_class_that_is_never_predicted(groups):
    """It starts from the mean direction by its shares, of which no sample has any or each has some."""
    x, _, predictions = groups
    scores = jnp.pad(predictions.scores, ((0, 0), (0, 1)), constant_values=-1e9)
    found = spherical_kmeans(Predictions(scores, predictions.label), x)
    assert np.isfinite(found.scores).all()
    raised = scores.at[:, 3].set(-x[:, 0])
    found = spherical_kmeans(Predictions(raised, predictions.label), x, 1)
    share, unit = np.asarray(jax.nn.softmax(raised))[:, 3], np.asarray(x) / np.linalg.norm(x, axis=1, keepdims=True)
    means = np.stack([unit[predictions.label == c].sum(0) for c in range(3)] + [share @ unit])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    label = (unit @ means.T).argmax(1)
    centres = np.stack([unit[label == c].sum(0) if (label == c).any() else means[c] for c in range(4)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    np.testing.assert_allclose(found.scores, unit @ centres.T, atol=1e-5)


def test_a_class_that_loses_its_samples_keeps_its_last_centre():
    """Two samples at 0 and 90 degrees are predicted as class 2; its mean at 45 degrees is nobody's nearest centre."""
    angle = np.radians([-2, 2, 0, 88, 92, 90])
    x = jnp.float32(np.stack([np.cos(angle), np.sin(angle)], 1))
    label = jnp.array([0, 0, 2, 1, 1, 2], jnp.int32)
    found = spherical_kmeans(Predictions(jax.nn.one_hot(label, 3), label), x)
    assert not (found.label == 2).any()
    np.testing.assert_allclose(found.scores, np.cos(angle[:, None] - np.radians([0, 90, 45])), atol=1e-5)
