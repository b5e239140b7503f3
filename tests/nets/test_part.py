"""Parts of a network: both halves are the whole; features that keep their places."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.nets.flattened import Flattened
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.normalised import Normalised
from jzsl.nets.part import FromBlock, part
from jzsl.nets.small_cnn import SmallCNN
from jzsl.nets.vgg import VGG

CONFIG = Normalised(VGG((4, 6), (1, 1), classes=3))


def test_the_last_blocks_on_maps_of_the_first_ones_are_the_network():
    whole, rest = CONFIG.build(), FromBlock(CONFIG, "stage2").build()
    first = part(whole, whole.blocks[:-1])
    images = jax.random.uniform(jax.random.key(1), (5, 8, 8, 3))
    variables = jax.jit(whole.init)(jax.random.key(0), images)
    early = first.init(jax.random.key(0), images)
    late = jax.jit(rest.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 4)))
    assert set(early["params"]) | set(late["params"]) == set(variables["params"])
    assert not set(early["params"]) & set(late["params"])
    maps, _ = first.apply(early, images, BatchNormPolicy.running, None)
    np.testing.assert_allclose(maps.features, maps.maps.mean((1, 2)), rtol=1e-6)
    found, _ = rest.apply(late, maps.maps, BatchNormPolicy.running, None)
    expected, _ = whole.apply(variables, images, BatchNormPolicy.running, None)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), found, expected)
    with pytest.raises(InputError, match="samples: 6 channels found, expected the 4 of the maps after block stage1"):
        rest.init(jax.random.key(0), jnp.zeros((1, 8, 8, 6)))
    with pytest.raises(InputError, match="first: 'stage9' found, expected the start of a block's name: stage1_block1"):
        FromBlock(CONFIG, "stage9").build()


def test_flattened_features_are_the_maps():
    network = Flattened(SmallCNN((4, 6))).build()
    images = jax.random.uniform(jax.random.key(1), (3, 8, 8, 1))
    variables = jax.jit(network.init)(jax.random.key(0), images)
    outputs, _ = network.apply(variables, images, BatchNormPolicy.running, None)
    assert outputs.maps.shape == (3, 4, 4, 6)
    np.testing.assert_array_equal(outputs.features, jnp.reshape(outputs.maps, (3, 96)))
