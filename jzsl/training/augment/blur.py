"""Gaussian blur of random width."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class GaussianBlur:
    """Each image blurred with a standard deviation uniform in `sigma`; the image is mirrored at its border."""

    size: int = 3
    """pixels of the filter, odd"""
    sigma: tuple[float, float] = (0.1, 2.0)
    """least and largest standard deviation in pixels"""

    def __post_init__(self):
        if self.size < 1 or self.size % 2 == 0:
            raise InputError(f"size: {self.size} found, expected an odd number")
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise InputError(f"sigma: {self.sigma} found, expected two positive numbers in ascending order")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
            low, high = self.sigma
            return blurred(images, jax.random.uniform(key, (len(images),), minval=low, maxval=high), self.size)

        return augment


def blurred(images: Float[Array, "b h w c"], sigma: Float[Array, " b"], size: int) -> Float[Array, "b h w c"]:
    """Each image filtered by exp(-d^2 / 2 sigma^2), cut off at `size` pixels and normalised, along both axes."""
    reach = size // 2
    offsets = jnp.arange(-reach, reach + 1)
    weights = jax.nn.softmax(-(offsets**2) / (2 * sigma[:, None] ** 2))[..., None, None, None]
    padded = jnp.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "reflect")
    height, width = images.shape[1:3]
    rows = jnp.stack([weights[:, i] * padded[:, i : i + height] for i in range(size)]).sum(0)
    return jnp.stack([weights[:, i] * rows[:, :, i : i + width] for i in range(size)]).sum(0)
