"""ALE: attribute label embedding with its weighted approximate ranking (Akata et al. 2013, 2016)."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.interfaces import Method, Task
from jzsl.methods.compatibility import Ranking, compatibility


@dataclass(frozen=True)
class ALE(Ranking):
    """A bilinear compatibility with ALE's ranking loss."""

    def build(self, task: Task) -> Method:
        del task  # the same map serves both tasks
        return compatibility(ale_loss, self)


def ale_loss(hinge: Float[Array, "b c"]) -> Float[Array, " b"]:
    """l_r / r times the sum of positive hinges, with r their number and l_r = 1 + 1/2 + ... + 1/r (their eq. 12)."""
    rank = jnp.sum(hinge > 0, 1)
    harmonic = jnp.concatenate([jnp.zeros(1), jnp.cumsum(1 / jnp.arange(1, hinge.shape[1] + 1))])
    return harmonic[rank] / jnp.maximum(rank, 1) * jnp.sum(jnp.maximum(hinge, 0), 1)
