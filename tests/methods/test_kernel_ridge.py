"""Kernel ridge regression and class means against scikit-learn, SciPy and loops."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.kernel_ridge import KernelRidge

from jzsl.errors import InputError
from jzsl.methods.class_means import class_deviations, class_means, mean_of
from jzsl.methods.kernel_ridge import RBF, Linear, dual_coefficients, median_distance, squared_distances, unexplained
from jzsl.types import UNLABELLED, ClassTable, Pool


@pytest.mark.parametrize("ridge", [0.03, 1.0])
@pytest.mark.parametrize("kernel", [RBF(0.7), Linear()])
def test_predictions_are_those_of_scikit_learn(random, kernel, ridge):
    """Inputs that are not present have no say."""
    x, targets = random.normal(size=(9, 4)).astype(np.float32), random.normal(size=(9, 3)).astype(np.float32)
    other = random.normal(size=(5, 4)).astype(np.float32)
    present, scale = np.arange(9) % 4 != 1, np.float32(1.3)
    function = kernel.build()
    coefficients = dual_coefficients(function(x, x, scale), jnp.asarray(targets), jnp.asarray(present), ridge)
    np.testing.assert_array_equal(coefficients[~present], 0)
    peer = (
        KernelRidge(alpha=ridge, kernel="linear")
        if kernel == Linear()
        else KernelRidge(alpha=ridge, kernel="rbf", gamma=1 / (2 * (0.7 * 1.3) ** 2))
    ).fit(x[present], targets[present])
    np.testing.assert_allclose(function(other, x, scale) @ coefficients, peer.predict(other), rtol=1e-4, atol=1e-5)
    residual = targets[present] - peer.predict(x[present])
    share = unexplained(function(x, x, scale), coefficients, jnp.asarray(targets), jnp.asarray(present))
    assert float(share) == pytest.approx((residual**2).sum() / (targets[present] ** 2).sum(), rel=1e-3)


def test_targets_that_are_all_zero_leave_nothing():
    zero = jnp.zeros((3, 2))
    assert float(unexplained(jnp.eye(3), zero, zero, jnp.ones(3, bool))) == 0


def test_distances_of_vectors_that_share_a_long_part(random):
    """Rounding is by what differs, not by what all share."""
    a, b = random.normal(size=(6, 3)), random.normal(size=(5, 3))
    far = np.array([300.0, -200.0, 100.0])
    found = squared_distances(jnp.float32(a + far), jnp.float32(b + far))
    np.testing.assert_allclose(found, cdist(np.float32(a + far), np.float32(b + far)) ** 2, rtol=1e-4)


@pytest.mark.parametrize("present", [range(7), range(6), (0, 2, 5), (1, 4), (3,), ()])
def test_median_distance_is_that_of_all_pairs(random, present):
    x = random.normal(size=(7, 3)).astype(np.float32)
    chosen = np.isin(np.arange(7), list(present))
    distances = [np.linalg.norm(x[i] - x[j]) for i, j in itertools.combinations(present, 2)]
    expected = np.median(distances) if distances else 1.0
    assert float(median_distance(jnp.asarray(x), jnp.asarray(chosen))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1.0, 50.0])
def test_equal_vectors_have_no_scale(random, offset):
    """All of them, or most: a width of zero, or of rounding errors, would tell every input from every other."""
    x = np.repeat(random.normal(size=(1, 30)) + offset, 6, 0).astype(np.float32)
    assert float(median_distance(jnp.asarray(x), jnp.ones(6, bool))) == 1
    x[0] += 1
    assert float(median_distance(jnp.asarray(x), jnp.ones(6, bool))) == 1  # 10 of 15 pairs are equal


@pytest.fixture
def sampled(random):
    """A pool of 4 classes, of which class 2 is absent, with multiplicities, and two unlabelled samples."""
    y, w = random.integers(0, 4, 40).astype(np.int32), random.integers(0, 3, 40).astype(np.int32)
    w[y == 2], y[:2], w[:2] = 0, UNLABELLED, 1
    x = random.normal(5, 2, size=(40, 3)).astype(np.float32)
    return Pool(x, y, w), ClassTable(np.eye(4, dtype=np.float32), np.arange(4) < 3)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_means_and_deviations_are_those_of_loops(sampled, random, masked, soft):
    """Whatever absent samples and entries that are not observed hold."""
    pool, classes = sampled
    observed = random.uniform(size=pool.x.shape) < 0.7 if masked else np.ones(pool.x.shape, bool)
    observed[pool.y == 3, 1] = not masked
    share = random.uniform(size=(40, 4)).astype(np.float32) if soft else np.eye(4, dtype=np.float32)[pool.y]
    share[:, 2] = 0
    weight = share * np.where(pool.y >= 0, pool.w, 0)[:, None]
    mean, deviation = np.zeros((4, 3)), np.zeros((4, 3))
    for d in range(3):
        o = observed[:, d]
        for c in (0, 1, 3):
            total = weight[o, c].sum()
            if not total:
                every = weight[o].sum(1)
                mean[c, d] = every @ pool.x[o, d] / every.sum()
                continue
            mean[c, d] = weight[o, c] @ pool.x[o, d] / total
            deviation[c, d] = np.sqrt(weight[o, c] @ (pool.x[o, d] - mean[c, d]) ** 2 / total)
    pool = pool._replace(
        x=np.where(observed & (pool.w > 0)[:, None], pool.x, np.float32(1e9)),
        observed=observed if masked else None,
        soft=np.where((pool.w > 0)[:, None], share, np.nan).astype(np.float32) if soft else None,
    )
    found = jax.jit(class_means)(pool, classes)
    np.testing.assert_array_equal(found.present, [True, True, False, True])
    np.testing.assert_allclose(found.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(class_deviations(pool, classes, found), deviation, rtol=1e-4, atol=1e-5)


def test_the_mean_of_no_vector_is_zero():
    np.testing.assert_array_equal(mean_of(jnp.ones((3, 2)), jnp.zeros(3, bool)), 0)


def test_a_width_must_be_positive():
    with pytest.raises(InputError, match="width: 0 found, expected a positive number"):
        RBF(0)
