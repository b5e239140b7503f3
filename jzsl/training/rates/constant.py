"""The same learning rate throughout."""

from dataclasses import dataclass

import jax.numpy as jnp

from jzsl.training.rates.rate import Rate


@dataclass(frozen=True)
class Constant:
    """The learning rate stays."""

    def build(self) -> Rate:
        return jnp.ones_like
