"""Nearest neighbours (LSD-C; low-supervision thesis, chapter 7, table 1)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jzsl.errors import InputError, require_positive
from jzsl.training.similarities.similarity import Similarity, of_valid, squared_distances


@dataclass(frozen=True)
class NearestNeighbours:
    """A_ij = 1 where j is among the neighbours of i or i among those of j, by Euclidean distance.

    The paper speaks of the k nearest samples. Its authors' code counts a sample among its own neighbours and asks for a
    distance below that to the k-th of them: k = 20 then means the 18 nearest others.
    """

    k: int = 20
    """neighbours"""
    counts_itself: bool = True
    """whether k is read as in the code: the k - 2 nearest others; else the k nearest others"""

    def __post_init__(self):
        require_positive(self, "k")
        if self.counts_itself and self.k < 3:
            raise InputError(f"k: {self.k} found, expected at least 3 where counts_itself is True: k - 2 others count")

    def build(self) -> Similarity:
        nearest = self.k - 2 if self.counts_itself else self.k

        def similarity(features: Float[Array, "b d"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
            distances = jnp.where((valid > 0), squared_distances(features, valid), jnp.inf)
            best = jax.lax.top_k(-distances, min(nearest + 1, len(valid)))[0]  # a sample itself is one of them
            # The barrier keeps all of them: where one alone is used, XLA sorts whole rows on a CPU, ten times as slow.
            last = jax.lax.optimization_barrier(best)[:, -1:]
            directed = distances <= -last
            return of_valid(directed | directed.T, valid)

        return similarity
