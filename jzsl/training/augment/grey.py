"""Random loss of colour."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError, require_share
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class RandomGrey:
    """All three channels become the luminance of the image; images of one channel stay."""

    probability: float = 0.2
    """of each image"""

    def __post_init__(self):
        require_share(self, "probability")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
            grey = jax.random.bernoulli(key, self.probability, (len(images), 1, 1, 1))
            return jnp.where(grey, luminance(images), images)

        return augment


def luminance(images: Float[Array, "b h w c"]) -> Float[Array, "b h w 1"]:
    """0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); of one channel itself.

    Raises:
        InputError: if the images have another number of channels.
    """
    channels = images.shape[-1]
    if channels == 1:
        return images
    if channels != 3:
        raise InputError(f"augment: images of {channels} channels found, expected 1 (grey) or 3 (red, green, blue)")
    return (images @ jnp.array([0.299, 0.587, 0.114]))[..., None]
