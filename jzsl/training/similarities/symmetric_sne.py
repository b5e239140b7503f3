"""The similarity of symmetric SNE (LSD-C; low-supervision thesis, chapter 7, equations 1 and 2)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jzsl.errors import require_positive
from jzsl.training.similarities.edges import closest, require_threshold_or_density
from jzsl.training.similarities.similarity import Similarity, others, squared_distances


@dataclass(frozen=True)
class SymmetricSNE:
    """A_ij = 1 where (p_j|i + p_i|j) / 2 > tau, p_j|i the softmax over j other than i of -||f_j - f_i||^2 / T^2.

    Where a sample has many close neighbours, each of them gets little of its probability and may not be connected.
    """

    threshold: float | None = 0.01
    """tau; None: `density` gives it, in each minibatch"""
    density: float | None = None
    """share of the pairs of different samples that are connected; None: `threshold` decides"""
    temperature: float = 1.0
    """T"""

    def __post_init__(self):
        require_positive(self, "temperature")
        require_threshold_or_density(self.threshold, self.density)

    def build(self) -> Similarity:
        def similarity(features: Float[Array, "b d"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
            p = neighbour_probabilities(features, valid, self.temperature)
            return closest((p + p.T) / 2, valid, self.threshold, self.density)

        return similarity


def neighbour_probabilities(
    features: Float[Array, "b d"], valid: Num[Array, " b"], temperature: float
) -> Float[Array, "b b"]:
    """p_j|i in row i and column j (equation 1); 0 on the diagonal and for samples that are not valid."""
    pairs = others(valid)
    logits = -squared_distances(features, valid) / temperature**2
    return jnp.where(pairs, jax.nn.softmax(jnp.where(pairs, logits, -jnp.inf), axis=1, where=pairs), 0.0)
