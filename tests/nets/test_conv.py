"""All forms of convolution give the same outputs and gradients; batch normalisation worked by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.conv import convolve, of_xla, same_padding
from jzsl.nets.network import BatchNormPolicy


def loops(x, kernel, stride, padding, groups):
    """The definition, entry by entry."""
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    size, channels = kernel.shape[0], kernel.shape[-1]
    shape = [(length - size) // stride + 1 for length in padded.shape[1:3]]
    result = np.zeros((len(x), *shape, channels))
    for row, column, channel in np.ndindex(*shape, channels):
        window = padded[:, row * stride : row * stride + size, column * stride : column * stride + size]
        group = channel * groups // channels
        width = kernel.shape[2]
        part = window[..., group * width : (group + 1) * width]
        result[:, row, column, channel] = (part * kernel[..., channel]).sum((1, 2, 3))
    return result


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "channels", "groups", "outputs"),
    [(1, 4, 1, 5), (3, 4, 1, 5), (5, 1, 1, 2), (3, 130, 1, 2), (3, 4, 4, 4), (5, 4, 4, 4), (1, 3, 3, 3), (3, 4, 2, 6)],
)
def test_outputs_and_gradients_are_those_of_the_definition_and_of_xla(random, stride, size, channels, groups, outputs):
    x = random.normal(size=(2, 7, 6, channels)).astype(np.float32)
    kernel = random.normal(size=(size, size, channels // groups, outputs)).astype(np.float32)
    padding = ((size // 2, size // 2), (size // 2, 0))

    def ours(x, kernel):
        return convolve(x, kernel, stride, padding, groups)

    np.testing.assert_allclose(
        jax.jit(ours)(x, kernel), loops(x, kernel, stride, padding, groups), rtol=1e-4, atol=1e-3
    )

    def gradient(form):
        return jax.jit(jax.grad(lambda x, kernel: jnp.sum(jnp.sin(form(x, kernel))), (0, 1)))(x, kernel)

    theirs = gradient(lambda x, kernel: of_xla(x, kernel, stride, padding))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3), gradient(ours), theirs)


@pytest.mark.parametrize("count", [31, 32, 33, 70, 300])
def test_the_gradient_of_the_filters_counts_every_sample(random, count):
    """It adds parts of the samples, the last of which may be smaller."""
    x, kernel = jnp.asarray(random.normal(size=(count, 4, 4, 2))), jnp.asarray(random.normal(size=(3, 3, 2, 3)))

    def gradient(form):
        return jax.jit(jax.grad(lambda k: jnp.sum(jnp.sin(form(x, k, 1, ((1, 1), (1, 1)))))))(kernel)

    np.testing.assert_allclose(gradient(convolve), gradient(of_xla), rtol=1e-3, atol=1e-3)


def test_gradients_of_gradients(random):
    """As a saliency map after a step of training needs them."""
    x, kernel = jnp.asarray(random.normal(size=(2, 5, 5, 3))), jnp.asarray(random.normal(size=(3, 3, 3, 2)))

    def second(form):
        def slope(x, kernel):
            return jnp.sum(jax.grad(lambda k: jnp.sum(jnp.sin(form(x, k, 1, ((1, 1), (1, 1))))))(kernel) ** 2)

        return jax.jit(jax.grad(slope))(x, kernel)

    np.testing.assert_allclose(second(convolve), second(of_xla), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("length", [5, 6, 7, 8])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_is_that_of_xla(length, size, stride):
    expected = jax.lax.padtype_to_pads((length, 9), (size, size), (stride, stride), "SAME")
    assert list(same_padding((length, 9), size, stride)) == [tuple(map(int, pair)) for pair in expected]


def test_a_step_inside_a_loop_is_compiled_once_and_equals_steps_outside(random):
    x, kernel = jnp.asarray(random.normal(size=(2, 5, 5, 3))), jnp.asarray(random.normal(size=(3, 3, 3, 3)))

    def step(_, kernel):
        gradient = jax.grad(lambda k: jnp.sum(convolve(x, k, 1, ((1, 1), (1, 1))) ** 2))(kernel)
        return kernel - 1e-3 * gradient

    looped = jax.jit(lambda kernel: jax.lax.fori_loop(0, 3, step, kernel))(kernel)
    np.testing.assert_allclose(looped, step(0, step(0, step(0, kernel))), rtol=1e-4, atol=1e-5)


def test_batch_normalisation_worked_by_hand():
    """Two valid samples of one pixel, 1 and 3, and padding: mean 2, variance 1, unbiased 2."""
    x = jnp.array([1.0, 3.0, 100.0]).reshape(3, 1, 1, 1)
    module: Any = BatchNorm(momentum=0.75, epsilon=0.0)
    variables = module.init(jax.random.key(0), x, BatchNormPolicy.running, None)
    variables = {**variables, "params": {"scale": jnp.array([2.0]), "bias": jnp.array([1.0])}}
    valid = jnp.array([1.0, 1.0, 0.0])
    y, after = module.apply(variables, x, BatchNormPolicy.train, valid, mutable=["batch_stats"])
    np.testing.assert_allclose(np.ravel(y)[:2], [-1, 3])
    np.testing.assert_allclose(after["batch_stats"]["mean"], [0.75 * 0 + 0.25 * 2])
    np.testing.assert_allclose(after["batch_stats"]["var"], [0.75 * 1 + 0.25 * 2])
    y = module.apply({**variables, **after}, x, BatchNormPolicy.running, valid)
    np.testing.assert_allclose(np.ravel(y)[0], 2 * (1 - 0.5) / np.sqrt(1.25) + 1, rtol=1e-6)
    _, after = module.apply(variables, x, BatchNormPolicy.train, jnp.zeros(3), mutable=["batch_stats"])
    jax.tree.map(np.testing.assert_array_equal, after["batch_stats"], variables["batch_stats"])
