"""Unadjusted Langevin dynamics: eq. 6 of the ABP paper."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.sampling.info import Info
from jzsl.sampling.kernel import Kernel


@dataclass(frozen=True)
class Unadjusted:
    """Unadjusted Langevin dynamics, eq. 6 of the ABP paper."""

    def build(self, step_size: float | Float[Array, ""]) -> Kernel:
        return unadjusted(step_size)


class UnadjustedState(NamedTuple):
    """The chain's position. The gradient is evaluated where a step begins, so a run of l steps costs l of them."""

    position: Float[Array, " z"]


def unadjusted(step_size: float | Float[Array, ""], temperature: float = 1.0) -> Kernel:
    """z <- z - s^2/2 dU/dz + s * noise, with U = -log p(X, Z | C) and standard normal noise (eq. 6).

    Stable only while s^2/2 times the curvature of U is below 2, and biased by its discretisation even then; see
    `jzsl.sampling.stability`.

    Args:
        step_size: s, in the units of z.
        temperature: scales the noise's variance; 1 samples p, 0 is gradient descent.
    """

    def init(position, potential):
        del potential
        return UnadjustedState(position)

    def step(key, state, potential):
        energy, gradient = jax.value_and_grad(potential)(state.position)
        noise = jax.random.normal(key, state.position.shape, state.position.dtype)
        position = state.position - step_size**2 / 2 * gradient + step_size * jnp.sqrt(temperature) * noise
        return UnadjustedState(position), Info(energy, jnp.linalg.norm(gradient), jnp.ones_like(energy))

    return Kernel(init, step)
