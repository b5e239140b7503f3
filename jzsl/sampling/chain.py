"""Runs a kernel for a fixed number of steps as one scan; the choice of kernels for a config."""

import enum
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float, Key

from jzsl.interfaces import Kernel
from jzsl.sampling.info import Info
from jzsl.sampling.metropolis import metropolis
from jzsl.sampling.preconditioned import preconditioned
from jzsl.sampling.unadjusted import unadjusted


def run(
    key: Key[Array, ""],
    kernel: Kernel,
    position: Float[Array, " z"],
    potential: Callable[[Float[Array, " z"]], Float[Array, ""]],
    steps: int,
) -> tuple[Any, Info]:
    """The kernel state after `steps` steps of one chain, and each step's info (leading axis `steps`)."""

    def step(state, step_key):
        return kernel.step(step_key, state, potential)

    return jax.lax.scan(step, kernel.init(position, potential), jax.random.split(key, steps))


class Langevin(enum.Enum):
    """Which kernel infers the latents."""

    unadjusted = enum.member(unadjusted)
    preconditioned = enum.member(preconditioned)
    metropolis = enum.member(metropolis)
