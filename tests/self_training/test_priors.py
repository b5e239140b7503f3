"""Estimators of the class prior against brute force and on problems whose prior is known."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.self_training.clustering.pca_kmeans import PCAKMeans
from jzsl.self_training.clustering.tsne_mixture import TSNEMixture
from jzsl.self_training.priors.bbse import bbse_prior, confusion_matrix
from jzsl.self_training.priors.group_uniform import GroupUniform
from jzsl.self_training.priors.saerens import saerens_prior
from jzsl.self_training.priors.three_c import ThreeC, three_c_dominant, three_c_edges
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.sths import STHS
from jzsl.types import Predictions


@pytest.fixture
def clustered(random):
    """Clusters that mostly agree with labels, 60 rows of 4 classes."""
    label = random.choice(4, 60, p=[0.5, 0.3, 0.15, 0.05])
    cluster = np.where(random.uniform(size=60) < 0.7, (label + 1) % 4, random.integers(0, 4, 60))
    return cluster, label


def test_three_c_with_edges_is_the_graph_of_the_paper(clustered):
    """The two prediction graphs and their common edges, written out."""
    cluster, label = clustered
    edges = [
        (i, j) for i, j in itertools.combinations(range(60), 2) if cluster[i] == cluster[j] and label[i] == label[j]
    ]
    kept = sorted({node for edge in edges for node in edge})
    assert len(kept) < 60
    expected = np.bincount(label[kept], minlength=4) / len(kept)
    np.testing.assert_allclose(three_c_edges(jnp.array(cluster), jnp.array(label), 4), expected, rtol=1e-6)


def test_three_c_with_dominant_classes(clustered):
    cluster, label = clustered
    kept = [i for i in range(60) if label[i] == np.bincount(label[cluster == cluster[i]], minlength=4).argmax()]
    expected = np.bincount(label[kept], minlength=4) / len(kept)
    np.testing.assert_allclose(three_c_dominant(jnp.array(cluster), jnp.array(label), 4), expected, rtol=1e-6)


@pytest.mark.parametrize("estimate", [three_c_edges, three_c_dominant])
def test_three_c_is_the_truth_where_clusters_and_labels_are_right(random, estimate):
    label = random.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])
    found = estimate(jnp.array((label + 2) % 4), jnp.array(label), 4)
    np.testing.assert_allclose(found, np.bincount(label, minlength=4) / 200, rtol=1e-6)


def test_three_c_without_a_common_edge_is_uniform():
    rows = jnp.arange(4)
    np.testing.assert_array_equal(three_c_edges(rows, rows, 4), 0.25)


@pytest.mark.parametrize("estimate", [three_c_edges, three_c_dominant])
def test_three_c_counts_cells_of_more_classes_than_32_bits_index(estimate):
    """Of 70,000 classes squared; the dominant classes are 69,998 and 9."""
    cluster = jnp.array([69_999, 69_999, 69_999, 69_999, 12, 12, 12, 46_341])
    label = jnp.array([69_998, 69_998, 69_998, 3, 9, 9, 5, 7])
    found = np.asarray(estimate(cluster, label, 70_000))
    expected = np.zeros(70_000)
    expected[[69_998, 9]] = 3, 2
    if estimate is three_c_dominant:  # alone in its cluster, hence its most frequent one
        expected[7] = 1
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


@pytest.mark.parametrize("clustering", [TSNEMixture(), PCAKMeans()])
def test_clusterings_find_separated_groups(random, clustering):
    truth = random.choice(3, 150, p=[0.6, 0.3, 0.1])
    x = np.float32(8 * random.normal(size=(3, 20))[truth] + random.normal(size=(150, 20)))
    found = clustering.build()(x, 3, 0)
    assert all(len(np.unique(found[truth == c])) == 1 for c in range(3))
    assert len(np.unique(found)) == 3


@pytest.mark.parametrize("samples", [1, 3])
def test_a_pool_no_larger_than_the_classes_has_a_cluster_per_sample(samples):
    """As in a strict pool of fewer samples than candidates; no clustering takes so few."""
    prior = ThreeC().build()
    assert prior.prepare is not None
    prepared = prior.prepare(np.ones((samples, 5), np.float32), 3, 0)
    predictions = Predictions(jnp.zeros((samples, 3)), jnp.zeros(samples, jnp.int32))
    np.testing.assert_allclose(prior.estimate(jnp.asarray(prepared), predictions, None), 1 / 3, rtol=1e-6)


def test_equal_priors_are_prepared_once():
    """Of the selector and of the refiner, and of settings that differ in other fields."""
    calls = []

    @dataclass(frozen=True)
    class Counted:
        def build(self):
            def cluster(x, clusters, seed):
                calls.append((len(x), clusters, seed))
                return np.arange(len(x)) % clusters

            return cluster

    prior, done = ThreeC(clustering=Counted()), {}
    x = np.ones((10, 2), np.float32)
    for fraction in (0.5, 1.0):
        prepared = STHS(selection=PNCFBS(fraction, prior), refinement=LabelPropagation(mass=prior)).prepare(x, 3, done)
        np.testing.assert_array_equal(prepared.selection, np.arange(10) % 3)
        np.testing.assert_array_equal(prepared.refinement, np.arange(10) % 3)
    assert calls == [(10, 3, 0)]
    assert STHS().prepare(x, 3, done) == (None, None)


@pytest.mark.parametrize("source", [[1 / 3, 1 / 3, 1 / 3], [0.1, 0.3, 0.6]])
def test_saerens_recovers_the_prior_of_a_gaussian_mixture(random, source):
    """Exact posteriors under the prior of the classifier; the rows come from another one."""
    prior = np.array([0.7, 0.2, 0.1])
    label = random.choice(3, 20_000, p=prior)
    centres = np.array([0.0, 2.0, 4.0])
    x = centres[label] + random.normal(size=20_000)
    posterior = jax.nn.softmax(jnp.float32(-((x[:, None] - centres) ** 2) / 2 + np.log(source)), axis=1)
    found = saerens_prior(posterior, jnp.float32(source), 300)
    np.testing.assert_allclose(found, prior, atol=0.02)
    assert abs(float(posterior.mean(0)[0]) - 0.7) > 0.05  # which plain averaging does not
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


def test_confusion_matrix(random):
    label, predicted = random.integers(0, 3, 80), random.integers(0, 3, 80)
    found = confusion_matrix(jnp.array(label), jnp.array(predicted), 3)
    for i in range(3):
        for j in range(3):
            assert float(found[i, j]) == pytest.approx(np.mean(predicted[label == j] == i))


def test_bbse_recovers_the_prior_behind_a_known_confusion(random):
    confusion = np.array([[0.8, 0.1, 0.2], [0.1, 0.7, 0.1], [0.1, 0.2, 0.7]])
    prior = np.array([0.6, 0.3, 0.1])
    label = random.choice(3, 50_000, p=prior)
    predicted = np.array([random.choice(3, p=confusion[:, c]) for c in label[:20_000]])
    frequency = np.bincount(predicted, minlength=3) / 20_000
    found = bbse_prior(jnp.float32(confusion), jnp.float32(frequency))
    np.testing.assert_allclose(found, prior, atol=0.02)
    assert np.abs(frequency - prior).max() > 0.05


def test_bbse_stays_a_distribution():
    """Frequencies that no prior explains, and a classifier that never predicts a class."""
    confusion = jnp.array([[0.9, 0.5, 0.5], [0.1, 0.5, 0.5], [0.0, 0.0, 0.0]])
    for frequency in ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
        found = bbse_prior(confusion, jnp.array(frequency))
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("opened", "label", "expected"),
    [
        (None, [0, 1, 1, 1], [1 / 4] * 4),  # no groups: uniform
        ([True] * 4, [0, 1, 1, 1], [1 / 4] * 4),  # a separate pool is one group
        ([True, False, True, False], [0, 1, 1, 1], [1 / 8, 3 / 8, 1 / 8, 3 / 8]),
        ([True, False, False, False], [0, 0, 2, 3], [1 / 2, 1 / 6, 1 / 6, 1 / 6]),
        ([False, True, True, True], [0, 0, 0, 0], [1, 0, 0, 0]),
        ([False] * 4, [0, 1, 2, 2], [1 / 4] * 4),
    ],
)
def test_group_uniform_shares_are_uniform_within_groups(opened, label, expected):
    """In the strict setting the groups of seen and unseen classes have the shares predicted for them."""
    flags = None if opened is None else jnp.array(opened)
    predictions = Predictions(jnp.zeros((4, 4)), jnp.array(label, jnp.int32), open=flags)
    found = jax.jit(GroupUniform().build().estimate)(None, predictions, None)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert float(found.sum()) == pytest.approx(1)
