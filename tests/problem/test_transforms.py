"""Transforms: affine on features, the identity on images, the same in NumPy and in a compiled program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.digits_images import DigitImages
from jzsl.evaluation.views import inductive, view_of
from jzsl.problem.transforms import MinMax, Transform, TransformConfig, Unscaled

KINDS = [MinMax(), Unscaled()]


@pytest.mark.parametrize("kind", KINDS)
def test_images_keep_their_bytes(kind, random):
    images = random.integers(0, 256, (6, 4, 3, 2), np.uint8)
    transform = kind.fit(images, None, np.array([0, 2]))
    for result in (transform(images), jax.jit(transform.traced)(images)):
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, images)
    assert [array.shape for array in transform[:2]] == [(4, 3, 2)] * 2
    assert transform.matrix is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5,), (2, 3)])
def test_features_of_any_shape(kind, shape, random):
    x = random.normal(3, 2, (20, *shape))
    indices = np.arange(0, 20, 2)
    transform = kind.fit(x, None, indices)
    low, high = x[indices].min(0), x[indices].max(0)
    expected = (x - low) / (high - low) if kind == MinMax() else x
    assert transform(x).dtype == np.float32
    np.testing.assert_allclose(transform(x), expected, atol=1e-5)
    single = x.astype(np.float32)
    np.testing.assert_allclose(jax.jit(transform.traced)(single), transform(single), rtol=1e-6)
    flat = kind.fit(x.reshape(20, -1), None, indices)
    np.testing.assert_array_equal(flat.low, transform.low.ravel())


def test_arrays_alone_make_the_same_transform(random):
    """So that it can be saved and passed through a program."""
    x = random.normal(size=(9, 4)).astype(np.float32)
    transform = MinMax().fit(x)
    again = Transform(*map(np.asarray, jax.tree.leaves(transform)))
    np.testing.assert_array_equal(again(x), transform(x))
    result = jax.jit(lambda t, x: t.traced(x))(jax.tree.map(jnp.asarray, transform), x)
    np.testing.assert_allclose(result, transform(x), rtol=1e-6)


def test_a_pool_of_images_stays_uint8_and_is_padded():
    problem = DigitImages().load()
    view = view_of(problem, multiple=64)
    train = problem.splits.train
    assert view.pool.x.dtype == np.uint8
    assert view.pool.x.shape == (1024, 8, 8, 1)
    np.testing.assert_array_equal(view.pool.x[: len(train)], problem.samples[train])
    assert not view.pool.x[len(train) :].any()
    np.testing.assert_array_equal(view.transform(problem.samples[:3]), problem.samples[:3])


class Standard:
    """A user's own."""

    def fit(self, samples, observed=None, indices=None, labels=None):
        x = samples if indices is None else samples[indices]
        return Transform(x.mean(0).astype(np.float32), x.std(0).astype(np.float32))


def test_a_view_takes_a_transform_of_its_user(problem):
    assert isinstance(Standard(), TransformConfig)
    view = inductive(problem, Standard())
    np.testing.assert_allclose(view.pool.x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(view.pool.x.std(0), 1, atol=1e-5)
