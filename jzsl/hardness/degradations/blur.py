"""Gaussian blur."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

STRONGEST = 1 / 8
"""Standard deviation at level 1, as a share of the shorter side."""


def blur(
    key: Key[Array, ""], images: Float[Array, "b h w c"], level: float | Float[Array, ""]
) -> Float[Array, "b h w c"]:
    """Filtered by exp(-d^2 / 2 sigma^2) along both axes, sigma = level / 8 of the shorter side in pixels.

    Outside the image its mirror image continues it, the border pixel repeated.
    """
    del key
    height, width = images.shape[1:3]
    sigma = level * STRONGEST * min(height, width)
    rows, columns = _filter(height, sigma), _filter(width, sigma)
    blurred = jnp.einsum("ih,bhwc,jw->bijc", rows, images, columns, precision="highest")
    return jnp.where(sigma > 0, jnp.clip(blurred, 0, 1), images)


def _filter(length: int, sigma: float | Float[Array, ""]) -> Float[Array, "l l"]:
    """Weight of each pixel of a line, columns, in each filtered one, rows; mirrored once at either end."""
    out, of = jnp.arange(length)[:, None], jnp.arange(length)

    def weight(distance):
        return jnp.exp(-(distance**2) / (2 * jnp.where(sigma > 0, sigma, 1.0) ** 2))

    weights = weight(out - of) + weight(out + of + 1) + weight(out + of + 1 - 2 * length)
    return weights / weights.sum(1, keepdims=True)
