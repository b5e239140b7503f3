"""The contrastive loss of KCL (Hsu et al., 2018, Learning to cluster in order to transfer across domains and tasks)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.errors import require_positive
from jzsl.training.pair_losses.pair_loss import PairLoss, mean_over

_SMALLEST = 1e-7


@dataclass(frozen=True)
class KCL:
    """s (D(p*, q) + D(q*, p)) + (1 - s) (h(D(p*, q)) + h(D(q*, p))).

    D is the Kullback-Leibler divergence, h(D) = max(0, margin - D), and a star marks a constant: no gradient. The paper
    takes s from a similarity learned from labelled pairs, as the method `LearningToCluster` does.
    """

    margin: float = 2.0
    """divergence beyond which different samples are far enough apart"""

    def __post_init__(self):
        require_positive(self, "margin")

    def build(self) -> PairLoss:
        def loss(
            left: Float[Array, "b k"],
            right: Float[Array, "b k"],
            same: Float[Array, "b b"],
            pairs: Float[Array, "b b"],
        ) -> Float[Array, ""]:
            total = jnp.zeros(())
            for divergence in (divergences(jax.lax.stop_gradient(left), right), _reversed(left, right)):
                total += mean_over(pairs, same * divergence + (1 - same) * jnp.maximum(self.margin - divergence, 0))
            return total

        return loss


def divergences(p: Float[Array, "b k"], q: Float[Array, "b k"]) -> Float[Array, "b b"]:
    """D(p_i, q_j) = sum_k p_ik log(p_ik / q_jk) of all pairs; probabilities below 1e-7 are clipped."""
    log_p, log_q = (jnp.log(jnp.maximum(part, _SMALLEST)) for part in (p, q))
    return jnp.sum(p * log_p, 1)[:, None] - p @ log_q.T


def _reversed(left, right):
    return divergences(jax.lax.stop_gradient(right), left).T
