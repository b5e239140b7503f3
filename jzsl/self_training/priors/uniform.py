"""The uniform class prior."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float

from jzsl.self_training.parts import PriorEstimator, uniform_prior
from jzsl.types import Predictions


@dataclass(frozen=True)
class Uniform:
    """The same share for every class."""

    def build(self) -> PriorEstimator:
        def estimate(
            prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
        ) -> Float[Array, " k"]:
            del prepared, confusion
            return uniform_prior(predictions.scores.shape[1])

        return PriorEstimator(estimate, name="uniform")
