"""Langevin dynamics preconditioned by the local curvature."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.sampling.info import Info
from jzsl.sampling.kernel import Kernel


@dataclass(frozen=True)
class Preconditioned:
    """Langevin dynamics preconditioned by the local curvature."""

    def build(self, step_size: float | Float[Array, ""]) -> Kernel:
        return preconditioned(step_size)


class PreconditionedState(NamedTuple):
    """The chain's position and the square root R of the preconditioner P = R R'."""

    position: Float[Array, " z"]
    root: Float[Array, "z z"]


def preconditioned(step_size: float | Float[Array, ""], temperature: float = 1.0) -> Kernel:
    """z <- z - s^2/2 P dU/dz + s R * noise, where P = R R' is the inverse curvature at the first position.

    P stays fixed during the run, so no correction term for its derivative is needed. The network of the ABP paper
    is piecewise linear in z, hence the Hessian of U is J'J/sigma^2 + I and P is its exact inverse; for other
    potentials eigenvalues enter by their absolute value. In the coordinates that P makes round the curvature is
    near 1: the step is stable for every s below 2, whatever the scale of the features. This is an addition to the
    paper (Girolami and Calderhead 2011, section 4, with a constant metric); it costs one Hessian a run.

    Args:
        step_size: s, in posterior standard deviations.
        temperature: as for `unadjusted`.
    """

    def init(position, potential):
        curvature, directions = jnp.linalg.eigh(jax.hessian(potential)(position))
        floor = jnp.finfo(curvature.dtype).eps * jnp.max(jnp.abs(curvature))
        scale = jax.lax.rsqrt(jnp.maximum(jnp.abs(curvature), floor))
        return PreconditionedState(position, directions * scale)

    def step(key, state, potential):
        energy, gradient = jax.value_and_grad(potential)(state.position)
        noise = jax.random.normal(key, state.position.shape, state.position.dtype)
        drift = step_size**2 / 2 * (state.root.T @ gradient)
        position = state.position + state.root @ (step_size * jnp.sqrt(temperature) * noise - drift)
        info = Info(energy, jnp.linalg.norm(gradient), jnp.ones_like(energy))
        return state._replace(position=position), info

    return Kernel(init, step)
