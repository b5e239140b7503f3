"""A part of the image hidden."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

STRONGEST = 0.9
"""Share of each side that is hidden at level 1."""


def occlusion(
    key: Key[Array, ""], images: Float[Array, "b h w c"], level: float | Float[Array, ""]
) -> Float[Array, "b h w c"]:
    """A middle-grey rectangle over 0.9 level of either side, rounded to pixels, anywhere within the image."""
    u = jax.random.uniform(key, (len(images), 2))
    height, width = images.shape[1:3]

    def covered(length, axis):
        size = jnp.rint(STRONGEST * level * length)
        first = jnp.floor(u[:, axis, None] * (length - size + 1))
        position = jnp.arange(length)
        return (position >= first) & (position < first + size)

    hidden = covered(height, 0)[:, :, None] & covered(width, 1)[:, None]
    return jnp.where(hidden[..., None], 0.5, images)
