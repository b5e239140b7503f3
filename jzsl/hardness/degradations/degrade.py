"""What a degradation is, and one of images of eight bits."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

LEVELS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""From the mildest to the strongest; 0 leaves images as they are."""


@runtime_checkable
class Degrade(Protocol):
    def __call__(
        self, key: Key[Array, ""], images: Float[Array, "b h w c"], level: float | Float[Array, ""], /
    ) -> Float[Array, "b h w c"]:
        """The images made harder; with the same key a higher level changes no pixel back.

        Args:
            key: of everything random.
            images: in [0, 1], in which the result lies, too.
            level: from 0, the images as they are, to 1; it may be traced.
        """
        ...


def degraded(
    degrade: Degrade, key: Key[Array, ""], images: UInt8[Array, "b h w c"], level: float | Float[Array, ""]
) -> UInt8[Array, "b h w c"]:
    """Images of eight bits, degraded and rounded."""
    changed = degrade(key, images.astype(jnp.float32) / 255, level)
    return jnp.rint(255 * changed).astype(jnp.uint8)
