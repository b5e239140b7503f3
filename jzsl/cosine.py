"""Vectors scaled to unit length, so that their products are cosine similarities."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def unit(x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
    """Each vector divided by its length, in float32 at least; a vector of zeros stays zero.

    Its gradient at zero is zero.
    """
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    square = jnp.sum(x**2, -1, keepdims=True)
    positive = square > 0
    return jnp.where(positive, x / jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
