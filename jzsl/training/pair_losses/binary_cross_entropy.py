"""Binary cross-entropy of pairs (low-supervision thesis, chapter 6, equation 3, and chapter 7, equations 5 and 6)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.training.pair_losses.pair_loss import PairLoss, mean_over

SMALLEST = 1e-7
"""Probabilities below it are clipped."""


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """-s log P - (1 - s) log(1 - P), P = p_i^T p'_j the probability that two samples are in one cluster.

    It is also the meta classification likelihood of MCL (Hsu et al., 2019), which takes s from a similarity that was
    learned from labelled pairs, as the method `LearningToCluster` does.
    """

    def build(self) -> PairLoss:
        return binary_cross_entropy


def binary_cross_entropy(
    left: Float[Array, "b k"], right: Float[Array, "b k"], same: Float[Array, "b b"], pairs: Float[Array, "b b"]
) -> Float[Array, ""]:
    """Targets may be soft; all arguments as in `PairLoss`."""
    together = left @ right.T
    log_same, log_not = (jnp.log(jnp.clip(part, SMALLEST, 1.0)) for part in (together, 1 - together))
    return mean_over(pairs, -(same * log_same + (1 - same) * log_not))
