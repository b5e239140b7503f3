"""Annealed importance sampling of log p(X | C) of a latent-variable generator (Neal 2001; Wu et al. 2017)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jzsl.keys import stream
from jzsl.sampling.latent_model import LatentModel
from jzsl.sampling.metropolis import metropolis

_SHARPNESS = 4.0


class Likelihood(NamedTuple):
    """An estimate for one sample.

    Attributes:
        log_likelihood: of the observed entries, in nats. The estimate of p is unbiased; its logarithm is too small
            on average, less so the more temperatures there are.
        effective: effective number of chains, (sum w)^2 / sum w^2, from 1 to the number of chains.
        acceptance: mean acceptance probability of the moves.
    """

    log_likelihood: Float[Array, ""]
    effective: Float[Array, ""]
    acceptance: Float[Array, ""]


def inverse_temperatures(count: int) -> Float[Array, " t"]:
    """From 0 to 1 in `count` steps along a sigmoid, densest at both ends (Wu et al. 2017, section 2.3)."""
    sigmoid = jax.nn.sigmoid(jnp.linspace(-_SHARPNESS, _SHARPNESS, count + 1))
    return (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])


def annealed_importance(
    key: Key[Array, ""],
    model: LatentModel,
    x: Float[Array, " d"],
    observed: Bool[Array, " d"] | None = None,
    chains: int = 16,
    temperatures: int = 500,
    step_size: float = 0.5,
) -> Likelihood:
    """log p(X | C), integrating the latents of X = g(C, Z) + N(0, sigma^2 I) out.

    Chains go from the prior N(0, I) through p(Z) p(X | Z, C)^beta to the posterior by one Metropolis-adjusted
    Langevin step at each beta. Each step has the size `step_size` / sqrt(1 + beta k), where k is the largest curvature
    of -log p(X | Z, C) at a draw from the prior that is independent of the chain. A size that depended on the chain's
    own position would bias the estimate, for its steps would not leave the tempered densities invariant; as it is, a
    poor size costs precision, never correctness.

    Args:
        key: of everything random.
        model: g of the sample's class and sigma.
        x: the sample.
        observed: its observed entries; None where all are.
        chains: independent chains, whose weights are averaged.
        temperatures: number of steps of beta.
        step_size: in posterior standard deviations, roughly.
    """
    beta = inverse_temperatures(temperatures)
    mask = jnp.ones(x.shape, bool) if observed is None else observed
    constant = -jnp.sum(mask) * (jnp.log(model.sigma) + 0.5 * jnp.log(2 * jnp.pi))

    def misfit(z):
        return jnp.sum(jnp.where(mask, x - model.decode(z), 0.0) ** 2) / (2 * model.sigma**2)

    def chain(key):
        start_key, move_key = jax.random.split(key)
        start = jax.random.normal(start_key, (model.latents,))
        independent = jax.random.normal(stream(key, "curvature"), (model.latents,))
        slope = jnp.where(mask[:, None], jax.jacobian(model.decode)(independent), 0.0) / model.sigma
        curvature = jnp.linalg.eigvalsh(slope.T @ slope)[-1]

        def move(carry, inputs):
            z, log_weight = carry
            move_key, before, after = inputs
            log_weight = log_weight - (after - before) * misfit(z)
            kernel = metropolis(step_size / jnp.sqrt(1 + after * curvature))

            def potential(z):
                return jnp.sum(z**2) / 2 + after * misfit(z)

            state, info = kernel.step(move_key, kernel.init(z, potential), potential)
            return (state.position, log_weight), info.acceptance

        keys = jax.random.split(move_key, temperatures)
        (_, log_weight), acceptance = jax.lax.scan(move, (start, jnp.float32(0)), (keys, beta[:-1], beta[1:]))
        return log_weight, acceptance.mean()

    log_weight, acceptance = jax.vmap(chain)(jax.random.split(key, chains))
    total = jax.nn.logsumexp(log_weight)
    effective = jnp.exp(2 * total - jax.nn.logsumexp(2 * log_weight))
    return Likelihood(total - jnp.log(chains) + constant, effective, acceptance.mean())
