"""A class prior that is uniform within seen and within unseen classes."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.self_training.parts import PriorEstimator, uniform_prior
from jzsl.types import Predictions


@dataclass(frozen=True)
class GroupUniform:
    """The same share for every class of a group; the groups have the shares that are predicted for them.

    In a pool of seen and unseen test samples mixed (the strict setting) the groups are the seen and the unseen classes:
    nothing says that their classes have equally many samples. Any other pool is one group, where this is `Uniform`.
    """

    def build(self) -> PriorEstimator:
        def estimate(
            prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
        ) -> Float[Array, " k"]:
            del prepared, confusion
            count = predictions.scores.shape[1]
            if predictions.open is None:
                return uniform_prior(count)
            of_open = jnp.mean(predictions.open[predictions.label].astype(jnp.float32))
            opened = jnp.sum(predictions.open)
            open_share, closed_share = of_open / jnp.maximum(opened, 1), (1 - of_open) / jnp.maximum(count - opened, 1)
            return jnp.where(predictions.open, open_share, closed_share)

        return PriorEstimator(estimate, name="uniform within groups")
