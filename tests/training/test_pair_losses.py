"""Losses of pairs and of two views against loops in NumPy; nothing to learn from gives 0, and no NaN gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.training.consistency.consistency import Views
from jzsl.training.consistency.every_sample import EverySample
from jzsl.training.consistency.own_samples import OwnSamples
from jzsl.training.pair_losses.binary_cross_entropy import BinaryCrossEntropy
from jzsl.training.pair_losses.kcl import KCL
from jzsl.training.sinkhorn import sinkhorn

LABELLED = np.array([1, 0, 0, 1, 0, 0, 1])
UNLABELLED = np.array([0, 1, 1, 0, 1, 0, 0])


@pytest.fixture
def views(random) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predictions of two heads for two views of seven samples."""
    return tuple(random.dirichlet(np.ones(size), 7).astype(np.float32) for size in (4, 4, 3, 3))  # type: ignore[return-value]


def heads(views) -> tuple[Views, Views]:
    return Views(views[0], views[1], 4), Views(views[2], views[3], 3)


def pairs_of(counts):
    return jnp.asarray(np.outer(counts, counts), jnp.float32)


def entropy(p, q, s):
    together = np.clip(p @ q, 1e-7, 1)
    return -(s * np.log(together) + (1 - s) * np.log(max(1 - together, 1e-7)))


def contrast(p, q, s, margin=2.0):
    d = [np.sum(a * np.log(a / b)) for a, b in ((p, q), (q, p))]
    return sum(s * each + (1 - s) * max(0, margin - each) for each in d)


@pytest.mark.parametrize(("config", "one"), [(BinaryCrossEntropy(), entropy), (KCL(), contrast)])
def test_the_loss_is_the_mean_over_all_ordered_pairs_with_themselves(views, random, config, one):
    left, right = views[2].astype(np.float64), views[3].astype(np.float64)
    same = random.uniform(size=(7, 7))
    [chosen] = np.nonzero(UNLABELLED)
    expected = np.mean([one(left[i], right[j], same[i, j]) for i in chosen for j in chosen])
    computed = jax.jit(config.build())(views[2], views[3], jnp.float32(same), pairs_of(UNLABELLED))
    assert float(computed) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("config", [BinaryCrossEntropy(), KCL()])
def test_certain_predictions_have_finite_losses_and_gradients(config):
    certain = jnp.eye(3)
    for same in (jnp.eye(3), 1 - jnp.eye(3)):
        value, gradient = jax.value_and_grad(config.build(), argnums=(0, 1))(certain, certain, same, jnp.ones((3, 3)))
        assert np.isfinite(value)
        assert all(np.isfinite(part).all() for part in gradient)
    assert float(BinaryCrossEntropy().build()(certain, certain, jnp.eye(3), jnp.ones((3, 3)))) < 1e-6


def test_kcl_holds_one_side_constant(views):
    """The gradient by the left side is that of D(q*, p) alone, by finite differences."""
    left, right, loss = jnp.asarray(views[2]), jnp.asarray(views[3]), KCL().build()
    same, pairs = jnp.eye(7), jnp.ones((7, 7))
    gradient = np.asarray(jax.grad(loss)(left, right, same, pairs))[2, 1]

    def half(value):
        p, q = np.array(left, np.float64), np.array(right, np.float64)
        p[2, 1] = value
        d = np.array([[np.sum(b * np.log(b / a)) for b in q] for a in p])
        return np.mean(np.eye(7) * d + (1 - np.eye(7)) * np.maximum(0, 2 - d))

    at, step = float(left[2, 1]), 1e-6
    assert gradient == pytest.approx((half(at + step) - half(at - step)) / (2 * step), rel=1e-3)


def test_every_head_sees_every_sample_and_averages_over_classes(views):
    old, new = heads(views)
    computed = EverySample().build()(old, new, jnp.asarray(LABELLED), jnp.asarray(UNLABELLED))
    counts = (LABELLED + UNLABELLED) > 0
    expected = sum(np.mean((a[counts] - b[counts]) ** 2) for a, b in (views[:2], views[2:]))
    assert float(computed) == pytest.approx(expected, rel=1e-5)


def test_equation_4_gives_each_head_its_own_samples_and_sums_over_classes(views):
    old, new = heads(views)
    computed = OwnSamples().build()(old, new, jnp.asarray(LABELLED), jnp.asarray(UNLABELLED))
    expected = sum(
        np.mean([np.sum((a[i] - b[i]) ** 2) for i in np.flatnonzero(kind)])
        for (a, b), kind in ((views[:2], LABELLED), (views[2:], UNLABELLED))
    )
    assert float(computed) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["pairs", "kcl", "every", "own", "sinkhorn"])
def test_a_minibatch_without_such_samples_gives_zero_and_no_gradient(views, kind):
    none = jnp.zeros(7)

    def loss(new):
        if kind in ("pairs", "kcl"):
            config = BinaryCrossEntropy() if kind == "pairs" else KCL()
            return config.build()(new, new, jnp.eye(7), pairs_of(np.zeros(7)))
        if kind == "sinkhorn":
            return jnp.sum(sinkhorn(new, none))
        return {"every": EverySample(), "own": OwnSamples()}[kind].build()(
            Views(new, 2 * new, 3), Views(new, 2 * new, 3), none, none
        )

    value, gradient = jax.value_and_grad(loss)(jnp.asarray(views[2]))
    assert float(value) == 0
    np.testing.assert_array_equal(gradient, 0)


def test_sinkhorn_is_that_of_a_loop_and_balances_clusters(random):
    scores = random.uniform(-1, 1, (40, 4)).astype(np.float32)
    valid = np.arange(40) % 5 > 0
    expected = np.exp(scores[valid].astype(np.float64) / 0.05)
    for _ in range(3):
        expected /= expected.sum(0) * 4
        expected /= expected.sum(1, keepdims=True) * len(expected)
    computed = np.asarray(sinkhorn(jnp.asarray(scores), jnp.asarray(valid)))
    np.testing.assert_allclose(computed[valid], expected * len(expected), rtol=1e-3, atol=1e-6)
    assert computed[~valid].sum() == 0
    many = np.asarray(sinkhorn(jnp.asarray(scores), jnp.asarray(valid), iterations=200))
    np.testing.assert_allclose(many[valid].sum(0), valid.sum() / 4, rtol=1e-2)


def test_bad_settings_are_refused_by_name():
    with pytest.raises(InputError, match="margin: "):
        KCL(0)
