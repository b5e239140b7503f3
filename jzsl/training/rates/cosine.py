"""A learning rate that falls to zero along half a cosine (Loshchilov and Hutter, 2017, without restarts)."""

from dataclasses import dataclass

import jax.numpy as jnp

from jzsl.training.rates.rate import Rate


@dataclass(frozen=True)
class Cosine:
    """(1 + cos(pi t)) / 2, t the share of the training that is done."""

    def build(self) -> Rate:
        return lambda progress: (1 + jnp.cos(jnp.pi * progress)) / 2
