"""A factor that rises to one: the ramp of consistency losses (low-supervision thesis, chapter 6, section 2.4)."""

from dataclasses import dataclass

import jax.numpy as jnp

from jzsl.errors import require_positive
from jzsl.training.rates.rate import Rate


@dataclass(frozen=True)
class RampUp:
    """omega(t) / lambda = exp(-5 (1 - t / T)^2) up to T, then 1."""

    length: float = 0.25
    """T, as a share of the training: 50 of 200 epochs are 0.25"""

    def __post_init__(self):
        require_positive(self, "length")

    def build(self) -> Rate:
        return lambda progress: jnp.exp(-5 * (1 - jnp.minimum(progress / self.length, 1)) ** 2)
