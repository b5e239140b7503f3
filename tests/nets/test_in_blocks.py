"""Functions of many images in blocks: the same as of all of them together, whatever the size of a block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.nets.in_blocks import in_blocks, pooled_features
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.normalised import normalised
from jzsl.nets.pixels import Pixels
from jzsl.nets.resnet import ResNet
from jzsl.nets.small_cnn import SmallCNN

RUNNING = BatchNormPolicy.running


@pytest.mark.parametrize("size", [1, 3, 4, 7, 10, 11, 256])
def test_blocks_are_the_whole(random, size):
    x = random.normal(size=(10, 2, 3)).astype(np.float32)
    largest = []

    def function(block):
        largest.append(len(block))
        return jnp.sum(block, 2) * block[:, :1, 0]

    np.testing.assert_array_equal(in_blocks(function, x, size), function(x))
    assert largest[0] == min(size, 10)


def test_pooled_features_are_the_networks(random):
    network = ResNet((1, 1), 0.0625).build()
    x = jnp.asarray(random.integers(0, 256, (7, 8, 8, 3)).astype(np.uint8))
    variables = network.init(jax.random.key(0), x)
    _, variables = network.apply(variables, x, BatchNormPolicy.train, None)
    outputs, _ = network.apply(variables, x, RUNNING, None)
    np.testing.assert_allclose(pooled_features(network, variables, x, None, 3), outputs.features, rtol=1e-5, atol=1e-6)
    maps, _ = network.run(variables, x, "stem", "stage1_block1", RUNNING, None)
    earlier = pooled_features(network, variables, x, "stage1_block1", 3)
    np.testing.assert_allclose(earlier, maps.mean((1, 2)), rtol=1e-5, atol=1e-6)
    assert earlier.shape[1] * 2 == outputs.features.shape[1]


def test_pixels_are_the_features_of_their_network(random):
    x = random.integers(0, 256, (5, 4, 3, 2)).astype(np.uint8)
    network = Pixels().build()
    variables = network.init(jax.random.key(0), x)
    outputs, after = network.apply(variables, x, RUNNING, None)
    np.testing.assert_allclose(outputs.features, x.reshape(5, -1) / 255, rtol=1e-6)
    np.testing.assert_allclose(pooled_features(network, variables, x, "pixels", 2), outputs.features)
    assert jax.tree.leaves((variables, after)) == []


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (1, 1)])
def test_pixels_are_normalised_before_the_first_block_alone(random, first, last):
    plain = SmallCNN((2, 3)).build()
    network = normalised(plain, (0.2, 0.5), (0.3, 0.4))
    x = jnp.float32(random.uniform(size=(2, 8, 8, 2)))
    variables = plain.init(jax.random.key(0), x)
    scaled = (x - jnp.array([0.2, 0.5])) / jnp.array([0.3, 0.4])
    one, two = plain.blocks[first], plain.blocks[last]
    start = scaled if first == 0 else plain.run(variables, scaled, plain.blocks[0], plain.blocks[0], RUNNING, None)[0]
    expected, _ = plain.run(variables, start, one, two, RUNNING, None)
    maps, _ = network.run(variables, x if first == 0 else start, one, two, RUNNING, None)
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-6)
