"""Euclidean distance (LSD-C; low-supervision thesis, chapter 7, table 1)."""

from dataclasses import dataclass

from jaxtyping import Array, Float, Num

from jzsl.errors import InputError
from jzsl.training.similarities.edges import closest, require_threshold_or_density
from jzsl.training.similarities.similarity import Similarity, squared_distances


@dataclass(frozen=True)
class Euclidean:
    """A_ij = 1 where ||f_i - f_j||^2 < tau. The thesis does not state its tau, so a share of edges gives it here."""

    threshold: float | None = None
    """tau; None: `density` gives it, in each minibatch"""
    density: float | None = 0.1
    """share of the pairs of different samples that are connected; with K clusters of one size, 1/K are of the same"""

    def __post_init__(self):
        require_threshold_or_density(self.threshold, self.density)
        if self.threshold is not None and not self.threshold > 0:
            raise InputError(f"threshold: {self.threshold} found, expected a positive number")

    def build(self) -> Similarity:
        threshold = None if self.threshold is None else -self.threshold

        def similarity(features: Float[Array, "b d"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
            return closest(-squared_distances(features, valid), valid, threshold, self.density)

        return similarity
