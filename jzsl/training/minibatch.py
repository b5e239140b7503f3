"""What a method takes from a pool: its labelled samples, and the samples of a minibatch in float32."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from jzsl.devices.mesh import over_data
from jzsl.errors import InputError
from jzsl.types import Pool


class Minibatch(NamedTuple):
    """The samples of one minibatch.

    Attributes:
        x: in float32; uint8 images in [0, 1].
        observed: which entries of `x` were observed; None: all.
        y: classes.
    """

    x: Float[Array, "b *s"]
    observed: Bool[Array, "b *s"] | None
    y: Int[Array, " b"]


def scaled(x: Num[Array | np.ndarray, "b *s"]) -> Float[Array, "b *s"]:
    """Samples in float32; uint8 images are divided by 255."""
    values = jnp.asarray(x).astype(jnp.float32)
    return values / 255 if x.dtype == jnp.uint8 else values


def first_image(pool: Pool) -> Float[Array, "1 h w c"]:
    """The first sample, for the shapes of a network.

    Raises:
        InputError: if samples are not images.
    """
    shape = pool.x.shape[1:]
    if len(shape) != 3:
        shape_text = " x ".join(map(str, shape))
        raise InputError(f"samples: of shape {shape_text} found, expected images, height x width x channels")
    return first_sample(pool)


def first_sample(pool: Pool) -> Float[Array, "1 *s"]:
    """The first sample, for the shapes of a network of images or vectors."""
    return scaled(jnp.asarray(pool.x[:1]))


def minibatch(pool: Pool, indices: Int[Array, " b"]) -> Minibatch:
    """The samples of a pool at these indices, cut over the data axis of a mesh."""
    indices = over_data(indices)
    observed = None if pool.observed is None else jnp.asarray(pool.observed)[indices]
    return Minibatch(scaled(jnp.asarray(pool.x)[indices]), observed, jnp.asarray(pool.y)[indices])


def labelled(pool: Pool) -> Pool:
    """The pool in which samples without a label are absent: w = 0 and y = 0 for them.

    Methods that learn from labels alone call it once, where a pool comes in.
    """
    y = jnp.asarray(pool.y)
    known = y >= 0
    return pool._replace(y=jnp.where(known, y, 0), w=jnp.where(known, pool.w, 0))
