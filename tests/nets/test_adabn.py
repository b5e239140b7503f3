"""AdaBN: statistics of the target equal NumPy's, are merged exactly, and each domain is normalised by its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.nets.adabn import STATISTICS, AdaBN, by_domain, membership, merged, of_domain, target_statistics
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.small_cnn import SmallCNN

NETWORK = SmallCNN((4, 6)).build()
TARGET = np.arange(11) % 3 == 1


@pytest.fixture
def images(random):
    return random.integers(0, 256, (11, 6, 6, 1)).astype(np.uint8)


@pytest.fixture
def variables():
    return jax.jit(NETWORK.init)(jax.random.key(0), jnp.zeros((1, 6, 6, 1)))


def by_numpy(variables, images, name):
    """Mean and variance of the inputs of a block's batch normalisation, the block before having used its own."""
    x = images / 255.0
    for block in NETWORK.blocks:
        if block != NETWORK.blocks[0]:
            x = x.reshape(len(x), 3, 2, 3, 2, -1).max((2, 4))
        kernel = np.asarray(variables["params"][block]["conv"]["kernel"], np.float64)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        size = x.shape[1]
        shifted = [padded[:, i : i + size, j : j + size] @ kernel[i, j] for i in range(3) for j in range(3)]
        x = np.sum(shifted, axis=0)
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        if block == name:
            return mean, var
        x = np.maximum((x - mean) / np.sqrt(var + 1e-5), 0)  # scale and bias are those of the start
    raise AssertionError(name)


def test_statistics_are_those_of_the_target_by_numpy(variables, images):
    statistics = jax.jit(lambda v, x, t: target_statistics(NETWORK, v, x, t, 256))(variables, images, TARGET)
    for block in NETWORK.blocks:
        mean, var = by_numpy(variables, images[TARGET], block)
        np.testing.assert_allclose(statistics[block]["norm"]["mean"], mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(statistics[block]["norm"]["var"], var, rtol=1e-4, atol=1e-6)


def test_parts_merge_to_the_first_layers_whole(variables, images):
    """The first layer's inputs do not depend on the parts, so there the union is exact; without a target they stay."""
    first = NETWORK.blocks[0]
    mean, var = by_numpy(variables, images[TARGET], first)
    parts = target_statistics(NETWORK, variables, images, jnp.asarray(TARGET), 3)
    np.testing.assert_allclose(parts[first]["norm"]["mean"], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(parts[first]["norm"]["var"], var, rtol=1e-4, atol=1e-6)
    same = target_statistics(NETWORK, variables, images, jnp.zeros(11, bool), 3)
    jax.tree.map(np.testing.assert_array_equal, same, variables[STATISTICS])


def test_union_of_two_samples(random):
    one, two = random.normal(size=(7, 3)), random.normal(2.0, 3.0, size=(5, 3))
    union = merged(
        {"a": {"mean": one.mean(0), "var": one.var(0)}},
        {"a": {"mean": two.mean(0), "var": two.var(0)}},
        jnp.float32(5 / 12),
    )
    both = np.concatenate([one, two])
    np.testing.assert_allclose(union["a"]["mean"], both.mean(0), rtol=1e-5)
    np.testing.assert_allclose(union["a"]["var"], both.var(0), rtol=1e-5)


@pytest.mark.parametrize("policy", [BatchNormPolicy.train, BatchNormPolicy.running])
def test_a_mixed_minibatch_is_two_minibatches(variables, images, policy):
    """Features, running statistics: as of the source samples alone and of the target samples alone."""
    valid = jnp.array([1.0] * 10 + [0.0])
    x = jnp.asarray(images)
    other = jax.tree.map(lambda leaf: leaf + 0.5, variables[STATISTICS])
    domains = {**variables, STATISTICS: by_domain(variables[STATISTICS], other)}
    outputs, after = NETWORK.apply(domains, x, policy, membership(valid, jnp.asarray(TARGET)))
    for number, statistics in enumerate((variables[STATISTICS], other)):
        member = np.flatnonzero((number == TARGET) & (np.arange(11) < 10))
        alone, changed = NETWORK.apply({**variables, STATISTICS: statistics}, x[member], policy, None)
        np.testing.assert_allclose(outputs.features[member], alone.features, rtol=1e-4, atol=1e-5)
        jax.tree.map(
            lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5),
            of_domain(after[STATISTICS], number),
            changed[STATISTICS],
        )


def test_a_domain_without_samples_is_normalised_by_running_statistics(variables, images):
    domains = {**variables, STATISTICS: by_domain(variables[STATISTICS], variables[STATISTICS])}
    counted = membership(jnp.ones(11), jnp.zeros(11, bool))
    _, after = NETWORK.apply(domains, jnp.asarray(images), BatchNormPolicy.train, counted)
    jax.tree.map(np.testing.assert_array_equal, of_domain(after[STATISTICS], 1), variables[STATISTICS])
    with pytest.raises(InputError, match="images: 0 found"):
        AdaBN(0)
