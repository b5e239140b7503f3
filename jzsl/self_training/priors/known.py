"""A class prior that the user knows."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jzsl.errors import InputError
from jzsl.self_training.parts import PriorEstimator
from jzsl.types import Predictions


@dataclass(frozen=True)
class Known:
    """Shares that the user gives."""

    shares: tuple[float, ...] = ()
    """of each candidate class, in the order of the class table; they need not add up to 1"""

    def __post_init__(self):
        if self.shares and (min(self.shares) < 0 or not sum(self.shares) > 0):
            raise InputError(f"shares: {self.shares} found, expected shares of zero or more, not all zero")

    def build(self) -> PriorEstimator:
        """Raises InputError where no shares are given; the estimate does where they are not of the classes."""
        if not self.shares:
            raise InputError("shares: none found, expected the share of each candidate class")
        shares = np.array(self.shares, np.float32) / sum(self.shares)

        def estimate(
            prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
        ) -> Float[Array, " k"]:
            del prepared, confusion
            if predictions.scores.shape[1] != len(shares):
                raise InputError(f"shares: {len(shares)} shares found for {predictions.scores.shape[1]} classes")
            return jnp.asarray(shares)

        return PriorEstimator(estimate, name="known")
