"""A learning rate that falls in steps."""

from dataclasses import dataclass

import jax.numpy as jnp

from jzsl.errors import InputError
from jzsl.training.rates.rate import Rate


@dataclass(frozen=True)
class StepDecay:
    """The learning rate is multiplied by `factor` at each of the points `at`."""

    at: tuple[float, ...] = (0.3, 0.6, 0.8)
    """shares of the training, increasing: by default epochs 60, 120 and 160 of 200"""
    factor: float = 0.2
    """of the learning rate at each point"""

    def __post_init__(self):
        if list(self.at) != sorted(set(self.at)) or not all(0 < point < 1 for point in self.at):
            raise InputError(f"at: {self.at} found, expected increasing shares of the training, between 0 and 1")
        if not self.factor > 0:
            raise InputError(f"factor: {self.factor} found, expected a positive number")

    def build(self) -> Rate:
        def rate(progress):
            return self.factor ** jnp.sum(progress >= jnp.array(self.at), dtype=jnp.float32)

        return rate
