"""Normalisation of channels."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class Normalise:
    """(x - mean) / std, channel by channel; nothing is random."""

    mean: tuple[float, ...] = (0.5,)
    """of each channel; one number: of all"""
    std: tuple[float, ...] = (0.5,)
    """of each channel; one number: of all"""

    def __post_init__(self):
        if not self.std or min(self.std) <= 0:
            raise InputError(f"std: {self.std} found, expected positive numbers")
        if len(self.mean) != len(self.std):
            raise InputError(f"mean: {len(self.mean)} numbers found, expected {len(self.std)}, as many as in std")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
            del key
            if len(self.std) not in (1, images.shape[-1]):
                channels = images.shape[-1]
                raise InputError(
                    f"augment: images of {channels} channels found, expected {len(self.std)}, as mean and std have"
                )
            return (images - jnp.array(self.mean)) / jnp.array(self.std)

        return augment
