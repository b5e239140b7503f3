"""The perceptron on vectors and images against NumPy; padding enters no statistic; dropout in training alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.nets.mlp import MLP
from jzsl.nets.network import BatchNormPolicy


def test_features_are_those_of_dense_layers(random):
    x = random.normal(size=(5, 4)).astype(np.float32)
    network = MLP((6, 3), normalised=False).build()
    variables = network.init(jax.random.key(0), jnp.asarray(x))
    expected = x
    for block in network.blocks:
        dense = variables["params"][block]["dense"]
        expected = np.maximum(expected @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"]), 0)
    outputs, _ = network.apply(variables, jnp.asarray(x), BatchNormPolicy.running, None)
    np.testing.assert_allclose(outputs.features, expected, rtol=1e-4, atol=1e-5)


def test_an_image_is_the_vector_of_its_pixels(random):
    images = random.integers(0, 256, (3, 4, 4, 2)).astype(np.uint8)
    network = MLP((6,)).build()
    variables = network.init(jax.random.key(0), jnp.asarray(images))
    vectors = jnp.asarray(images.reshape(3, -1), jnp.float32) / 255
    one, two = (
        network.apply(variables, x, BatchNormPolicy.running, None)[0].features for x in (jnp.asarray(images), vectors)
    )
    np.testing.assert_allclose(one, two, rtol=1e-5)


def test_padding_enters_no_statistic(random):
    x = jnp.asarray(random.normal(size=(6, 4)), jnp.float32)
    network = MLP((5,)).build()
    variables = network.init(jax.random.key(0), x)
    valid = jnp.array([1, 1, 1, 1, 0, 0], jnp.float32)
    (one, after), (two, same) = (
        network.apply(variables, part, BatchNormPolicy.train, valid) for part in (x, x.at[4:].set(1e3))
    )
    np.testing.assert_array_equal(one.features[:4], two.features[:4])
    jax.tree.map(np.testing.assert_array_equal, after, same)


def test_dropout_is_of_training_alone(random):
    x = jnp.asarray(random.normal(size=(50, 4)), jnp.float32)
    network = MLP((40,), normalised=False, dropout=0.5).build()
    variables = network.init(jax.random.key(0), x)
    plain, _ = network.apply(variables, x, BatchNormPolicy.running, None)
    dropped, _ = network.apply(variables, x, BatchNormPolicy.train, None, key=jax.random.key(1))
    kept = np.asarray(dropped.features) != 0
    np.testing.assert_allclose(np.asarray(dropped.features)[kept], 2 * np.asarray(plain.features)[kept], rtol=1e-6)
    assert kept.sum() / (np.asarray(plain.features) != 0).sum() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("field", "make"), [("hidden", lambda: MLP(())), ("dropout", lambda: MLP(dropout=1.0))])
def test_bad_settings_are_refused_by_name(field, make):
    with pytest.raises(InputError, match=f"{field}: "):
        make()
