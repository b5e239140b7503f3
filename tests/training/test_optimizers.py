"""Optimizers against the papers' recursions in NumPy, on a quadratic with a schedule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.step_decay import StepDecay

STEPS = 12
RATE = StepDecay((0.5,), 0.1)
START = {"a": np.array([1.0, -2.0, 3.0]), "b": np.array([[0.5], [4.0]])}


def gradient(params):
    """Of the sum of sin(p) + p^2, entry by entry."""
    return {name: np.cos(value) + 2 * value for name, value in params.items()}


def ours(config):
    optimizer = config.build()
    params = jax.tree.map(jnp.float32, START)
    moments = optimizer.init(params)
    for step in range(STEPS):
        of_step = jax.tree.map(jnp.float32, gradient(params))
        params, moments = optimizer.step(of_step, moments, params, jnp.float32(step / STEPS))
    return params


def by_recursion(update):
    """`update(gradient, weight, memory, t)` -> the direction; memory is a dictionary of each weight's own."""
    params, memory = {name: value.copy() for name, value in START.items()}, {name: {} for name in START}
    for step in range(STEPS):
        of_step = gradient(params)
        for name, value in params.items():
            scale = 1.0 if step < STEPS / 2 else 0.1
            params[name] = value - scale * update(of_step[name], value, memory[name], step + 1)
    return params


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("momentum", "l2"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.3)])
def test_sgd_is_the_recursion(nesterov, momentum, l2):
    """v <- mu v + g + l2 w; the step is eta v, with Nesterov's momentum eta (g + l2 w + mu v)."""

    def update(g, w, memory, t):
        g = g + l2 * w
        memory["v"] = momentum * memory.get("v", 0.0) + g
        return 0.05 * (g + momentum * memory["v"] if nesterov else memory["v"])

    expected = by_recursion(update)
    result = ours(SGD(0.05, momentum, nesterov, l2, RATE))
    for name in START:
        np.testing.assert_allclose(result[name], expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_adam_is_the_recursion(l2):
    """Algorithm 1 of the paper, the gradient of l2 |w|^2 / 2 inside of both moments."""

    def update(g, w, memory, t):
        g = g + l2 * w
        memory["m"] = 0.8 * memory.get("m", 0.0) + 0.2 * g
        memory["s"] = 0.95 * memory.get("s", 0.0) + 0.05 * g**2
        return 0.1 * memory["m"] / (1 - 0.8**t) / (np.sqrt(memory["s"] / (1 - 0.95**t)) + 1e-8)

    expected = by_recursion(update)
    result = ours(Adam(0.1, 0.8, 0.95, l2, RATE))
    for name in START:
        np.testing.assert_allclose(result[name], expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: SGD(learning_rate=0), "learning_rate"),
        (lambda: SGD(momentum=1.0), "momentum"),
        (lambda: SGD(l2=-1e-4), "l2"),
        (lambda: Adam(learning_rate=-1), "learning_rate"),
        (lambda: Adam(beta1=1.0), "beta1"),
        (lambda: Adam(beta2=-0.1), "beta2"),
        (lambda: Adam(l2=-1), "l2"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=f"{field}: "):
        make()
