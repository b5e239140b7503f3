"""The four turns of RotNet, of square images and of any dtype."""

import jax.numpy as jnp
from jaxtyping import Array, Int, Num


def turned(images: Num[Array, "b h w c"], turns: Int[Array, " b"]) -> Num[Array, "b h w c"]:
    """Each image after `turns` quarter turns counterclockwise, 0 to 3.

    Raises:
        ValueError: if the images are not square.
    """
    if images.shape[1] != images.shape[2]:
        raise ValueError(f"images of {images.shape[1]} x {images.shape[2]} found, expected square ones to turn")
    half = jnp.where((turns >= 2)[:, None, None, None], images[:, ::-1, ::-1], images)
    quarter = jnp.swapaxes(half, 1, 2)[:, ::-1]
    return jnp.where((turns % 2 == 1)[:, None, None, None], quarter, half)


def four_turns(images: Num[Array, "b h w c"]) -> tuple[Num[Array, "4*b h w c"], Int[Array, "4*b"]]:
    """Every image in all four turns, all images of a turn together, and the number of quarter turns of each."""
    turns = jnp.repeat(jnp.arange(4), len(images))
    return turned(jnp.tile(images, (4, 1, 1, 1)), turns), turns
