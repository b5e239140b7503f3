"""The class prior by expectation-maximisation (Saerens, Latinne and Decaestecker 2002); STHS did not try it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def saerens_prior(
    probability: Float[Array, "m k"], source: Float[Array, " k"], iterations: int = 100
) -> Float[Array, " k"]:
    """The prior under which the posteriors of the unlabelled rows average to itself (their eqs. 2.8, 2.9).

    Args:
        probability: posterior of each row under the classifier's own prior.
        source: that prior; 1 / k for a classifier of equally many generated rows a class.
        iterations: EM steps from `source`.

    Returns:
        The estimate. A class whose share has fallen to 0 stays there.
    """

    def step(_, prior):
        weighted = probability * (prior / source)
        return jnp.mean(weighted / jnp.maximum(weighted.sum(1, keepdims=True), 1e-30), 0)

    return jax.lax.fori_loop(0, iterations, step, source)
