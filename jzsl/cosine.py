"""Rows of unit length, whose products are cosine similarities."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def unit(x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
    """Each row divided by its length, in float32 at least; a row of zeros stays zero, equally similar to everything.

    Its gradient at zero is zero.
    """
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    square = jnp.sum(x**2, -1, keepdims=True)
    positive = square > 0
    return jnp.where(positive, x / jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
