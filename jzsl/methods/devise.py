"""DeViSE: a deep visual-semantic embedding's ranking loss (Frome et al. 2013)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.interfaces import Method, Task
from jzsl.methods.compatibility import Ranking, compatibility


@dataclass(frozen=True)
class DeViSE(Ranking):
    """A bilinear compatibility with DeViSE's ranking loss."""

    def build(self, task: Task) -> Method:
        del task  # the same map serves both tasks
        return compatibility(devise_loss, self)


def devise_loss(hinge: Float[Array, "b c"]) -> Float[Array, " b"]:
    """The sum of positive hinges (their eq. 1)."""
    return jnp.sum(jnp.maximum(hinge, 0), 1)
