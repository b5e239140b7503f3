"""Ranking statistics (AutoNovel; low-supervision thesis, chapter 6, equation 2)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jzsl.errors import InputError, require_positive
from jzsl.training.similarities.similarity import Similarity, of_valid


@dataclass(frozen=True)
class RankingStatistics:
    """s_ij = 1 where the sets of the k largest features are the same; among equal features the first is larger.

    Sets are the same where their sorted members are. Made for features that are not negative, such as those after a
    ReLU, where the largest are the largest in magnitude.
    """

    k: int = 5
    """features of a set"""

    def __post_init__(self):
        require_positive(self, "k")

    def build(self) -> Similarity:
        def similarity(features: Float[Array, "b d"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
            size = features.shape[-1]
            if self.k > size:
                raise InputError(f"k: {self.k} found, expected at most {size}, the number of features")
            members = jnp.sort(jax.lax.top_k(features, self.k)[1], axis=1)
            same = jnp.ones((len(features), len(features)), bool)
            for member in members.T:  # one at a time: no array of b x b x k
                same &= member[:, None] == member
            return of_valid(same, valid)

        return similarity
