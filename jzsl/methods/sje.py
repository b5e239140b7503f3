"""SJE: structured joint embedding (Akata et al. 2015)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.interfaces import Method, Task
from jzsl.methods.compatibility import Ranking, compatibility


@dataclass(frozen=True)
class SJE(Ranking):
    """A bilinear compatibility with SJE's ranking loss."""

    def build(self, task: Task) -> Method:
        del task  # the same map serves both tasks
        return compatibility(sje_loss, self)


def sje_loss(hinge: Float[Array, "b c"]) -> Float[Array, " b"]:
    """The largest hinge, where positive (their eq. 3)."""
    return jnp.maximum(jnp.max(hinge, 1), 0)
