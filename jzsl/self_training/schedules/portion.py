"""The pseudo-label schedule of CBST's public code: a first share, its growth from round to round, and its limit."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.errors import InputError
from jzsl.self_training.parts import PseudoLabelSchedule


@dataclass(frozen=True)
class PortionSchedule:
    """Shares of the unlabelled samples; the defaults are CBST's."""

    first: float = 0.2
    """share in the first round"""
    growth: float = 0.05
    """what is added to it each later round"""
    limit: float = 0.5
    """the largest share"""

    def __post_init__(self):
        if not (0 < self.first <= self.limit <= 1 and self.growth >= 0):
            raise InputError(
                f"schedule: first {self.first}, growth {self.growth}, limit {self.limit} found, expected shares: "
                "0 < first <= limit <= 1, and a growth of zero or more"
            )

    def build(self) -> PseudoLabelSchedule:
        return PseudoLabelSchedule(portion_count, jnp.float32((self.first, self.growth, self.limit)))


def portion_count(
    parameters: Float[Array, "3"], t: Int[Array, ""], rounds: Int[Array, ""], eligible: Int[Array, ""]
) -> Int[Array, ""]:
    """floor(min(first + growth (t - 1), limit) eligible), none in round 0."""
    del rounds
    first, growth, limit = parameters
    share = jnp.minimum(first + growth * (t - 1), limit)
    return jnp.where(t > 0, jnp.floor(share * eligible + 1e-3).astype(jnp.int32), 0)
