"""DeViSE: a deep visual-semantic embedding's ranking loss (Frome et al. 2013)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.errors import require_positive
from jzsl.methods.compatibility import compatibility
from jzsl.types import Method, Task


@dataclass(frozen=True)
class DeViSE:
    """A bilinear compatibility with DeViSE's ranking loss."""

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
        return compatibility(devise_loss, self.margin, self.learning_rate, self.batch_size)


def devise_loss(hinge: Float[Array, "b c"]) -> Float[Array, " b"]:
    """The sum of positive hinges (their eq. 1)."""
    return jnp.sum(jnp.maximum(hinge, 0), 1)
