"""Dropout of the entries of a vector or image, as another view of it."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class EntryDropout:
    """Each entry is 0 with a probability; the others are divided by the probability that they stay."""

    rate: float = 0.2
    """probability of each entry"""

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise InputError(f"rate: {self.rate} found, expected 0 or more and less than 1")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b *s"]) -> Float[Array, "b *s"]:
            kept = jax.random.bernoulli(key, 1 - self.rate, images.shape)
            return jnp.where(kept, images / (1 - self.rate), 0.0)

        return augment
