"""ALE: attribute label embedding with its weighted approximate ranking (Akata et al. 2013, 2016)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.errors import require_positive
from jzsl.methods.compatibility import compatibility
from jzsl.types import Method, Task


@dataclass(frozen=True)
class ALE:
    """A bilinear compatibility with ALE's ranking loss."""

    margin: float = 0.3
    """by how much the right class should score higher"""
    learning_rate: float = 1.0
    """of stochastic gradient descent, for rows and semantics of unit length"""
    batch_size: int = 64
    """rows of a minibatch; the published methods take single rows"""

    def __post_init__(self):
        require_positive(self, "margin", "learning_rate", "batch_size")

    def build(self, task: Task) -> Method:
        del task  # the same map serves both tasks
        return compatibility(ale_loss, self.margin, self.learning_rate, self.batch_size)


def ale_loss(hinge: Float[Array, "b c"]) -> Float[Array, " b"]:
    """l_r / r times the sum of positive hinges, with r their number and l_r = 1 + 1/2 + ... + 1/r (their eq. 12)."""
    rank = jnp.sum(hinge > 0, 1)
    harmonic = jnp.concatenate([jnp.zeros(1), jnp.cumsum(1 / jnp.arange(1, hinge.shape[1] + 1))])
    return harmonic[rank] / jnp.maximum(rank, 1) * jnp.sum(jnp.maximum(hinge, 0), 1)
