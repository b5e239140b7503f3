"""The class prior by expectation-maximisation (Saerens, Latinne and Decaestecker 2002); STHS did not try it."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.errors import require_positive
from jzsl.self_training.parts import PriorEstimator, uniform_prior
from jzsl.types import Predictions


@dataclass(frozen=True)
class Saerens:
    """Expectation-maximisation from the posteriors under a uniform prior."""

    iterations: int = 100
    """EM steps"""

    def __post_init__(self):
        require_positive(self, "iterations")

    def build(self) -> PriorEstimator:
        def estimate(
            prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
        ) -> Float[Array, " k"]:
            del prepared, confusion
            source = uniform_prior(predictions.scores.shape[1])
            return saerens_prior(jax.nn.softmax(predictions.scores), source, self.iterations)

        return PriorEstimator(estimate, name="Saerens")


def saerens_prior(
    probability: Float[Array, "m k"], source: Float[Array, " k"], iterations: int = 100
) -> Float[Array, " k"]:
    """The prior under which the posteriors of the unlabelled samples average to itself (their eqs. 2.8, 2.9).

    Args:
        probability: posterior of each sample under the classifier's own prior.
        source: that prior; 1 / k for a classifier of equally many generated samples per class.
        iterations: EM steps from `source`.

    Returns:
        The estimate. A class whose share has fallen to 0 stays there.
    """

    def step(_, prior):
        weighted = probability * (prior / source)
        return jnp.mean(weighted / jnp.maximum(weighted.sum(1, keepdims=True), 1e-30), 0)

    return jax.lax.fori_loop(0, iterations, step, source)
