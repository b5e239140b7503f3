"""Cosine similarity (LSD-C; low-supervision thesis, chapter 7, table 1)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jzsl.cosine import unit
from jzsl.training.similarities.edges import closest, require_threshold_or_density
from jzsl.training.similarities.similarity import Similarity


@dataclass(frozen=True)
class Cosine:
    """A_ij = 1 where cos(f_i, f_j) > tau."""

    threshold: float | None = 0.9
    """tau; None: `density` gives it, in each minibatch"""
    density: float | None = None
    """share of the pairs of different samples that are connected; None: `threshold` decides"""

    def __post_init__(self):
        require_threshold_or_density(self.threshold, self.density)

    def build(self) -> Similarity:
        def similarity(features: Float[Array, "b d"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
            direction = unit(features)
            cosines = jnp.matmul(direction, direction.T, precision=jax.lax.Precision.HIGHEST)
            return closest((cosines + cosines.T) / 2, valid, self.threshold, self.density)

        return similarity
