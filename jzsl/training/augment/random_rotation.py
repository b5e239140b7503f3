"""Random rotations by any angle; quarter turns are in `rotation`."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class RandomRotation:
    """Each image rotated about its centre by an angle uniform in both directions, bilinearly; outside it is 0."""

    degrees: float = 180.0
    """largest angle; 180: all angles"""

    def __post_init__(self):
        if not 0 <= self.degrees <= 180:
            raise InputError(f"degrees: {self.degrees} found, expected an angle from 0 to 180")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
            most = jnp.deg2rad(self.degrees)
            return rotated(images, jax.random.uniform(key, (len(images),), minval=-most, maxval=most))

        return augment


def rotated(images: Float[Array, "b h w c"], angles: Float[Array, " b"]) -> Float[Array, "b h w c"]:
    """Each image rotated counterclockwise by its angle in radians; the size stays, and corners are lost."""
    height, width = images.shape[1:3]
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    row, column = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")) - centre

    def one(image, angle):
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        source = jnp.stack([cosine * row + sine * column, cosine * column - sine * row]) + centre
        return jax.vmap(lambda channel: map_coordinates(channel, list(source), 1, "constant"), -1, -1)(image)

    return jax.vmap(one)(images, angles)
