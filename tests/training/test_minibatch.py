"""What a method reads of a pool: images in [0, 1], and labels where there are some."""

import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.training.minibatch import first_image, labelled, minibatch
from jzsl.types import UNLABELLED, Pool


def test_images_of_eight_bits_become_float32_between_0_and_1(random):
    images = random.integers(0, 256, (5, 4, 3, 1)).astype(np.uint8)
    batch = minibatch(Pool(images, np.arange(5, dtype=np.int32), np.ones(5, np.int32)), jnp.array([3, 3, 0]))
    assert batch.x.dtype == jnp.float32
    np.testing.assert_allclose(batch.x, images[[3, 3, 0]] / 255, rtol=1e-6)
    np.testing.assert_array_equal(batch.y, [3, 3, 0])
    assert batch.observed is None


def test_features_of_any_precision_keep_their_values(random):
    features, observed = random.normal(size=(4, 6)).astype(np.float16), random.uniform(size=(4, 6)) < 0.5
    batch = minibatch(Pool(features, np.zeros(4, np.int32), np.ones(4, np.int32), observed), jnp.array([2, 1]))
    assert batch.x.dtype == jnp.float32
    np.testing.assert_array_equal(batch.x, features[[2, 1]].astype(np.float32))
    np.testing.assert_array_equal(batch.observed, observed[[2, 1]])


def test_labelled_drops_what_has_no_label():
    pool = Pool(np.ones((4, 2), np.float32), np.array([2, UNLABELLED, 0, UNLABELLED]), np.array([1, 3, 2, 0]))
    known = labelled(pool)
    np.testing.assert_array_equal(known.y, [2, 0, 0, 0])
    np.testing.assert_array_equal(known.w, [1, 0, 2, 0])


@pytest.mark.parametrize("shape", [(64,), (8, 8), (2, 3, 4, 1)])
def test_only_images_have_a_first_image(shape):
    pool = Pool(np.zeros((2, *shape), np.uint8), np.zeros(2, np.int32), np.ones(2, np.int32))
    with pytest.raises(InputError, match=f"samples: of shape {' x '.join(map(str, shape))} found, expected images"):
        first_image(pool)
    images = pool._replace(x=np.full((2, 4, 3, 1), 51, np.uint8))
    np.testing.assert_allclose(first_image(images), np.full((1, 4, 3, 1), 0.2), rtol=1e-6)
