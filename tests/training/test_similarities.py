"""Similarities of a minibatch against loops in NumPy over the pairs of its valid samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.training.similarities.cosine import Cosine
from jzsl.training.similarities.euclidean import Euclidean
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.ranking_statistics import RankingStatistics
from jzsl.training.similarities.symmetric_sne import SymmetricSNE

VALID = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1])
COUNT = int(VALID.sum())


@pytest.fixture
def features(random) -> np.ndarray:
    """Twelve samples around three points, none of them negative."""
    centres = random.uniform(0, 2, (3, 6))
    return np.abs(centres[np.arange(12) % 3] + 0.3 * random.normal(size=(12, 6))).astype(np.float32)


def squared(features):
    features = features.astype(np.float64)
    return np.array([[np.sum((a - b) ** 2) for b in features] for a in features])


def by_ranks(features):
    sets = [set(np.argsort(-row, kind="stable")[:3]) for row in features]
    return np.array([[a == b for b in sets] for a in sets])


def by_distance(features):
    return squared(features) < 1.5


def by_cosine(features):
    cosine = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in features] for a in features.astype(np.float64)]
    return np.array(cosine) > 0.9


def by_sne(features):
    """Equation 2 in its second form, with the harmonic mean of the partition functions."""
    kernel = np.exp(-squared(features) / 0.8**2)
    z = [sum(row[k] for k in range(len(features)) if k != i) for i, row in enumerate(kernel)]
    harmonic = np.array([[2 / (1 / a + 1 / b) for b in z] for a in z])
    return kernel / harmonic > 0.08


def by_neighbours(count):
    def edges(features):
        distances = squared(features)
        near = [
            set(sorted(set(range(len(features))) - {i}, key=lambda j: distances[i, j])[:count]) for i in range(COUNT)
        ]
        return np.array([[j in near[i] or i in near[j] for j in range(COUNT)] for i in range(COUNT)])

    return edges


CASES = {
    "ranking": (RankingStatistics(3), by_ranks),
    "distance": (Euclidean(1.5, None), by_distance),
    "cosine": (Cosine(0.9), by_cosine),
    "sne": (SymmetricSNE(0.08, temperature=0.8), by_sne),
    "neighbours": (NearestNeighbours(3, counts_itself=False), by_neighbours(3)),
    "neighbours as in the code": (NearestNeighbours(4), by_neighbours(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_adjacency_is_that_of_a_loop_over_pairs(features, name):
    config, edges = CASES[name]
    computed = np.asarray(jax.jit(config.build())(jnp.asarray(features), jnp.asarray(VALID)))
    counts = VALID > 0
    expected = edges(features[counts]) | np.eye(COUNT, dtype=bool)
    np.testing.assert_array_equal(computed[np.ix_(counts, counts)], expected)
    assert computed[~counts].sum() == computed[:, ~counts].sum() == 0
    share = (expected.sum() - COUNT) / (COUNT * (COUNT - 1))
    assert 0.05 < share < 0.95


@pytest.mark.parametrize("name", CASES)
def test_samples_that_do_not_count_have_no_influence(features, name):
    similarity = CASES[name][0].build()
    garbage = np.where(VALID[:, None] > 0, features, 1e3 * features[::-1] + 7)
    one, two = (np.asarray(similarity(jnp.asarray(part), jnp.asarray(VALID))) for part in (features, garbage))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", [*CASES, "density"])
@pytest.mark.parametrize("valid", [np.zeros(12), np.eye(12)[4]])
def test_no_sample_and_a_single_one(features, name, valid):
    similarity = (CASES[name][0] if name in CASES else Euclidean()).build()
    np.testing.assert_array_equal(similarity(jnp.asarray(features), jnp.asarray(valid)), np.diag(valid))


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("make", [Euclidean, Cosine, SymmetricSNE])
def test_a_density_gives_the_number_of_edges(features, make, density):
    computed = np.asarray(make(threshold=None, density=density).build()(jnp.asarray(features), jnp.asarray(VALID)))
    assert (computed.sum() - COUNT) / 2 == round(density * COUNT * (COUNT - 1) / 2)


def test_the_densest_distances_are_the_smallest(features):
    computed = np.asarray(Euclidean(density=0.3).build()(jnp.asarray(features), jnp.ones(12)))
    distances = squared(features)
    assert distances[computed > 0].max() < distances[computed == 0].min()


def test_equal_samples_are_connected():
    """Of six samples twice each, every similarity finds the double."""
    features = jnp.asarray(np.repeat(np.random.default_rng(1).uniform(0, 9, (6, 6)).astype(np.float32), 2, 0))
    for config, _ in CASES.values():
        computed = np.asarray(config.build()(features, jnp.ones(12)))
        assert computed[np.arange(0, 12, 2), np.arange(1, 12, 2)].all()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: RankingStatistics(0), "k"),
        (lambda: RankingStatistics(9).build()(jnp.zeros((2, 4)), jnp.ones(2)), "k"),
        (lambda: NearestNeighbours(2), "k"),
        (lambda: NearestNeighbours(0, counts_itself=False), "k"),
        (lambda: Euclidean(1.0), "threshold"),
        (lambda: Euclidean(0.0, None), "threshold"),
        (lambda: Cosine(None), "threshold"),
        (lambda: SymmetricSNE(None, 1.5), "density"),
        (lambda: SymmetricSNE(temperature=0), "temperature"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=f"{field}: "):
        make()


@pytest.mark.parametrize("k", [11, 12, 13, 40])
def test_more_neighbours_than_samples_connect_them_all(features, k):
    adjacency = NearestNeighbours(k, counts_itself=False).build()(jnp.asarray(features), jnp.asarray(VALID))
    np.testing.assert_array_equal(adjacency, np.outer(VALID, VALID))


def test_sets_of_the_largest_differ_by_any_member():
    """The largest three of four are {0, 1, 2}, {0, 1, 3}, {0, 1, 2} in another order, {1, 2, 3}."""
    features = jnp.asarray([[3.0, 2, 1, 0], [3, 2, 0, 1], [1, 3, 2, 0], [0, 3, 2, 1]])
    adjacency = RankingStatistics(3).build()(features, jnp.ones(4))
    np.testing.assert_array_equal(adjacency, [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])


def test_neighbours_are_found_without_sorting_rows(features):
    """What is sorted is a matter of the CPU's compiler."""
    with jax.default_device(jax.devices("cpu")[0]):
        text = jax.jit(NearestNeighbours(5).build()).lower(features, VALID).compile().as_text()
    assert text is not None
    assert "TopK" in text
    assert " sort(" not in text
