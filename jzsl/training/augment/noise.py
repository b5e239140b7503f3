"""Noise on each entry of a vector or image: views of samples for which no other change is known."""

from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class GaussianNoise:
    """x + scale e, e standard normal for each entry."""

    scale: float = 0.1
    """standard deviation of the noise"""

    def __post_init__(self):
        if not self.scale >= 0:
            raise InputError(f"scale: {self.scale} found, expected zero or more")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b *s"]) -> Float[Array, "b *s"]:
            return images + self.scale * jax.random.normal(key, images.shape, images.dtype)

        return augment
