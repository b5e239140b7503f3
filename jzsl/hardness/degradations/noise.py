"""Noise of the pixels."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


def noise(
    key: Key[Array, ""], images: Float[Array, "b h w c"], level: float | Float[Array, ""]
) -> Float[Array, "b h w c"]:
    """x + level u, u uniform in [-1, 1], the same in all channels of a pixel, clipped to [0, 1] (Geirhos et al. 2018,
    who add it to grey images)."""
    u = jax.random.uniform(key, (*images.shape[:3], 1), minval=-1.0, maxval=1.0)
    return jnp.clip(images + level * u, 0, 1)
