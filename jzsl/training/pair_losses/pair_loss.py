"""What a loss of pairs is."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float


@runtime_checkable
class PairLoss(Protocol):
    def __call__(
        self,
        left: Float[Array, "b k"],
        right: Float[Array, "b k"],
        same: Float[Array, "b b"],
        pairs: Float[Array, "b b"],
        /,
    ) -> Float[Array, ""]:
        """The mean over pairs (i, j); 0 where there are none.

        Args:
            left: probabilities of each cluster, for the first sample of a pair.
            right: for the second one, such as those of another view.
            same: how much a pair is of the same class, from 0 to 1.
            pairs: 1 for pairs that count, else 0.
        """
        ...


@runtime_checkable
class PairLossConfig(Protocol):
    """A frozen dataclass that makes a loss of pairs."""

    def build(self) -> PairLoss: ...


def mean_over(pairs: Float[Array, "b b"], losses: Float[Array, "b b"]) -> Float[Array, ""]:
    """The mean of the losses of the pairs that count; 0 where none does."""
    return jnp.sum(jnp.where(pairs > 0, losses, 0)) / jnp.maximum(jnp.sum(pairs > 0), 1)
