"""What a consistency loss of two heads is."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num


class Views(NamedTuple):
    """The probabilities that one head gives for the two views of each sample.

    Attributes:
        first, second: 0 for classes that are not the head's.
        classes: number of classes of the head.
    """

    first: Float[Array, "b k"]
    second: Float[Array, "b k"]
    classes: int | Int[Array, ""]


@runtime_checkable
class Consistency(Protocol):
    def __call__(
        self, old: Views, new: Views, labelled: Num[Array, " b"], unlabelled: Num[Array, " b"], /
    ) -> Float[Array, ""]:
        """How far the predictions for two views are apart.

        Args:
            old: of the head of labelled classes.
            new: of the head of the clusters.
            labelled, unlabelled: 1 for samples of that kind, both 0 for padding.
        """
        ...


@runtime_checkable
class ConsistencyConfig(Protocol):
    """A frozen dataclass that makes a consistency loss."""

    def build(self) -> Consistency: ...


def squared_distance(views: Views, counts: Num[Array, " b"]) -> Float[Array, ""]:
    """||p_i - p'_i||^2, averaged over the samples that count; 0 where none does."""
    squares = jnp.sum((views.first - views.second) ** 2, 1)
    return jnp.sum(counts * squares) / jnp.maximum(jnp.sum(counts), 1)
