"""Runs a kernel for a fixed number of steps as one scan."""

from typing import Any

import jax
from jaxtyping import Array, Float, Key

from jzsl.sampling.info import Info
from jzsl.sampling.kernel import Kernel, Potential


def sample_chain(
    key: Key[Array, ""],
    kernel: Kernel,
    position: Float[Array, " z"],
    potential: Potential,
    steps: int,
) -> tuple[Any, Info]:
    """The kernel state after `steps` steps of one chain, and each step's info (leading axis `steps`)."""

    def step(state, step_key):
        return kernel.step(step_key, state, potential)

    return jax.lax.scan(step, kernel.init(position, potential), jax.random.split(key, steps))
