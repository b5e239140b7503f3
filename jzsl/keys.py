"""Randomness as a function of (base key, stream name, step), never of the order of calls."""

import zlib

import jax
from jaxtyping import Array, Key


def stream(key: Key[Array, ""], name: str, step: int | Array = 0) -> Key[Array, ""]:
    """The key of step `step` of the stream called `name`, derived from the base key by `fold_in`."""
    return jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(name.encode())), step)
