"""Metropolis-adjusted Langevin dynamics (MALA): the same step, made exact by accepting or rejecting each proposal."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.sampling.info import Info
from jzsl.sampling.kernel import Kernel


@dataclass(frozen=True)
class Metropolis:
    """Metropolis-adjusted Langevin dynamics."""

    def build(self, step_size: float | Float[Array, ""]) -> Kernel:
        return metropolis(step_size)


class MetropolisState(NamedTuple):
    """The chain's position with its potential and gradient, which the next step needs again."""

    position: Float[Array, " z"]
    energy: Float[Array, ""]
    gradient: Float[Array, " z"]


def metropolis(step_size: float | Float[Array, ""]) -> Kernel:
    """Proposes eq. 6 of the ABP paper and accepts with the Metropolis-Hastings probability.

    The chain has exactly p as its stationary distribution at any step size; too large a step shows as low acceptance
    instead of bias (Roberts and Tweedie 1996). A run of l steps costs l + 1 gradients. A proposal of infinite or
    undefined energy is rejected.

    Args:
        step_size: s, in the units of z.
    """

    def init(position, potential):
        return MetropolisState(position, *jax.value_and_grad(potential)(position))

    def log_proposal(start: MetropolisState, end: MetropolisState):
        jump = end.position - start.position + step_size**2 / 2 * start.gradient
        return -jnp.sum(jump**2) / (2 * step_size**2)

    def step(key, state, potential):
        noise_key, accept_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, state.position.shape, state.position.dtype)
        proposal = init(state.position - step_size**2 / 2 * state.gradient + step_size * noise, potential)
        log_ratio = state.energy - proposal.energy + log_proposal(proposal, state) - log_proposal(state, proposal)
        acceptance = jnp.where(jnp.isnan(log_ratio), 0.0, jnp.exp(jnp.minimum(log_ratio, 0.0)))
        accepted = jax.random.uniform(accept_key) < acceptance
        new = jax.tree.map(lambda proposed, current: jnp.where(accepted, proposed, current), proposal, state)
        return new, Info(state.energy, jnp.linalg.norm(state.gradient), acceptance)

    return Kernel(init, step)
