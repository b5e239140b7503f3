"""Random loss of colour of RGB images."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError, require_share
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class RandomGrey:
    """All three channels become the luminance of the image."""

    probability: float = 0.2
    """of each image"""

    def __post_init__(self):
        require_share(self, "probability")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
            grey = jax.random.bernoulli(key, self.probability, (len(images), 1, 1, 1))
            return jnp.where(grey, luminance(images), images)

        return augment


def luminance(images: Float[Array, "b h w 3"]) -> Float[Array, "b h w 1"]:
    """0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Raises:
        InputError: if the images have another number of channels.
    """
    if images.shape[-1] != 3:
        raise InputError(
            f"augment: images of {images.shape[-1]} channels found, expected 3 (red, green, blue) to change colours"
        )
    return (images @ jnp.array([0.299, 0.587, 0.114]))[..., None]
