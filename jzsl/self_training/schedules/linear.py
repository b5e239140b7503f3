"""The pseudo-label schedule of STHS (section 3.3): floor(M / T) t of the M samples in round t."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int

from jzsl.self_training.parts import PseudoLabelSchedule


@dataclass(frozen=True)
class LinearSchedule:
    """Shares that grow by 1 / T each round, up to all samples."""

    def build(self) -> PseudoLabelSchedule:
        return PseudoLabelSchedule(linear_count)


def linear_count(
    parameters: Any, t: Int[Array, ""], rounds: Int[Array, ""], eligible: Int[Array, ""]
) -> Int[Array, ""]:
    """floor(eligible / rounds) t."""
    del parameters
    return eligible // jnp.maximum(rounds, 1) * t
