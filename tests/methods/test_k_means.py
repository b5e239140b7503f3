"""k-means: as good a partition as scikit-learn's, absent samples, old classes as means, features of a network."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import cluster, datasets

from jzsl.errors import InputError
from jzsl.export.heads import scores_of
from jzsl.methods.k_means import KMeans, best_partition, lloyd
from jzsl.nets.in_blocks import pooled_features
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, Pool

reference: Any = cluster.KMeans  # scikit-learn's own annotations are too narrow
make_blobs: Any = datasets.make_blobs
load_digits: Any = datasets.load_digits
KEY = jax.random.key(1)
CLASSES = ClassTable(None, jnp.arange(7) < 2, jnp.array([4, 5, 6]))
"""Two old classes, two new ones, three clusters."""


@pytest.fixture
def pool(random) -> Pool:
    """Forty samples of each old class and sixty of new ones; some absent, some twice."""
    x, group = make_blobs([40, 40, 30, 30], 5, cluster_std=2.0, random_state=3)
    order = np.argsort(group, kind="stable")
    y = np.where(group[order] < 2, group[order], -1)
    return Pool(jnp.float32(x[order]), jnp.asarray(y), jnp.asarray(random.integers(0, 3, 140)))


def test_inertia_is_that_of_scikit_learn():
    x = np.float32(load_digits().data[:900] / 16)
    best = jax.jit(best_partition, static_argnums=(3, 4, 5))(KEY, x, np.ones(900, np.int32), 10, 10, 300)
    assert float(best.inertia) == pytest.approx(reference(10, n_init=10, random_state=0).fit(x).inertia_, rel=0.01)


def test_lloyd_from_the_same_start_ends_at_the_same_centres(pool):
    """With multiplicities as sample weights."""
    start, w = pool.x[::40][:3], np.float32(pool.w)
    ours = lloyd(pool.x, jnp.asarray(w), start, 300)
    theirs = reference(3, init=np.asarray(start), n_init=1, tol=0).fit(np.asarray(pool.x), sample_weight=w)
    np.testing.assert_allclose(ours.centres, theirs.cluster_centers_, rtol=1e-4, atol=1e-4)
    assert float(ours.inertia) == pytest.approx(theirs.inertia_, rel=1e-4)


def test_a_centre_without_samples_stays():
    x = jnp.array([[0.0], [1.0], [2.0]])
    ours = lloyd(x, jnp.ones(3), jnp.array([[0.5], [1e3]]), 10)
    np.testing.assert_allclose(ours.centres, [[1.0], [1e3]])


def predictor_of(pool, config=KMeans(restarts=3), task=DiscoveryHeldOut()):
    method = config.build(task)
    state, metrics = jax.jit(method.fit)(method.init(KEY, pool, CLASSES), pool, CLASSES, 1, 1)
    return method, method.predictor(state, pool, CLASSES, CLASSES.clusters), metrics


def test_old_classes_are_means_and_clusters_those_of_unlabelled_samples(pool):
    """The nearest centre has the largest score, and the head scores alike."""
    method, made, metrics = predictor_of(pool)
    x, y, w = (np.asarray(part) for part in pool[:3])
    centres = np.asarray(made.centre + made.offset)
    for old in (0, 1):
        np.testing.assert_allclose(centres[old], np.average(x[y == old], 0, w[y == old]), rtol=1e-4)
    distance = ((x[:, None] - centres[None]) ** 2).sum(-1)
    new = y < 0
    inertia = (w[new] * distance[new][:, 4:].min(1)).sum() / w[new].sum()
    assert float(metrics["inertia"]) == pytest.approx(inertia, rel=1e-4)
    candidates = jnp.array([6, 0, 4, 1, 5])
    scores = np.asarray(method.logits(made, pool.x, candidates))
    np.testing.assert_array_equal(scores.argmax(1), distance[:, np.asarray(candidates)].argmin(1))
    assert method.head is not None
    np.testing.assert_allclose(scores_of(method.head(made, candidates), x, 5), scores, rtol=1e-4, atol=1e-3)


def test_absent_samples_have_no_influence_and_labelled_ones_none_on_clusters(pool):
    _, made, _ = predictor_of(pool)
    absent = (pool.w == 0)[:, None]
    _, garbage, _ = predictor_of(pool._replace(x=jnp.where(absent, 1e6, pool.x)))
    np.testing.assert_array_equal(garbage.centre, made.centre)
    np.testing.assert_array_equal(garbage.offset, made.offset)
    _, moved, _ = predictor_of(pool._replace(x=jnp.where((pool.y >= 0)[:, None], pool.x + 50, pool.x)))
    np.testing.assert_allclose(moved.offset[4:], made.offset[4:], atol=1e-4)


def test_the_features_are_those_of_the_stage_before(random):
    """Centres of a network's features; pixels need no network."""
    pool = Pool(
        jnp.asarray(random.integers(0, 256, (30, 8, 8, 1)).astype(np.uint8)), jnp.full(30, -1), jnp.ones(30, int)
    )
    method = KMeans(SmallCNN((3,)), restarts=2).build(Discovery())
    other = method.init(jax.random.key(5), pool, CLASSES)
    assert method.adopt is not None
    state = method.adopt(KEY, method.init(KEY, pool, CLASSES), other)
    state, _ = method.fit(state, pool, CLASSES, 1, 1)
    made = method.predictor(state, pool, CLASSES, CLASSES.clusters)
    network = SmallCNN((3,)).build()
    features = np.asarray(pooled_features(network, other.variables, jnp.asarray(pool.x)))
    label = np.asarray(method.logits(made, pool.x, CLASSES.clusters)).argmax(1)
    for column, centre in enumerate(np.asarray(state.centres)):
        np.testing.assert_allclose(centre, features[label == column].mean(0), rtol=1e-3, atol=1e-4)
    pixels = KMeans(restarts=2).build(Discovery())
    assert pixels.init(KEY, pool, CLASSES).centres.shape == (3, 64)


def test_what_it_refuses(pool):
    with pytest.raises(InputError, match="KMeans discovers classes, so it has no answer to the task zsl"):
        KMeans().build(ZSL())
    with pytest.raises(InputError, match="clusters: none found"):
        KMeans().build(Discovery()).init(KEY, pool, CLASSES._replace(clusters=None))
    with pytest.raises(InputError, match="restarts"):
        KMeans(restarts=0)
