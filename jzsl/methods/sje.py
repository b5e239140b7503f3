"""SJE: structured joint embedding (Akata et al. 2015)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.errors import require_positive
from jzsl.methods.compatibility import compatibility
from jzsl.types import Method, Task


@dataclass(frozen=True)
class SJE:
    """A bilinear compatibility with SJE's ranking loss."""

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
        return compatibility(sje_loss, self.margin, self.learning_rate, self.batch_size)


def sje_loss(hinge: Float[Array, "b c"]) -> Float[Array, " b"]:
    """The largest hinge, where positive (their eq. 3)."""
    return jnp.maximum(jnp.max(hinge, 1), 0)
