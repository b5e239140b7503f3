"""What a similarity is, and what all of them share: masks and squared distances."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num


@runtime_checkable
class Similarity(Protocol):
    def __call__(self, features: Float[Array, "b d"], valid: Num[Array, " b"], /) -> Float[Array, "b b"]:
        """The adjacency matrix A of an undirected graph: 1 for samples taken to be of the same class, else 0.

        Every valid sample is connected with itself.

        Args:
            features: of the minibatch, or predictions.
            valid: 1 for samples that count; rows and columns of others, where it is 0, are 0 and have no influence.
        """
        ...


@runtime_checkable
class SimilarityConfig(Protocol):
    """A frozen dataclass that makes a similarity."""

    def build(self) -> Similarity: ...


def of_valid(edges: Bool[Array, "b b"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
    """The adjacency matrix with these edges between valid samples, and one from each of them to itself."""
    counts = valid > 0
    return ((edges | jnp.eye(len(valid), dtype=bool)) & counts[:, None] & counts).astype(jnp.float32)


def others(valid: Num[Array, " b"]) -> Bool[Array, "b b"]:
    """The ordered pairs of two different valid samples."""
    counts = valid > 0
    return ~jnp.eye(len(valid), dtype=bool) & counts[:, None] & counts


def squared_distances(features: Float[Array, "b d"], valid: Num[Array, " b"]) -> Float[Array, "b b"]:
    """||f_i - f_j||^2, symmetric, 0 on the diagonal; of samples around their mean, so that little is lost in float32.

    Entries of samples that are not valid have no meaning.
    """
    weights = (valid > 0).astype(features.dtype)[:, None]
    mean = jnp.sum(weights * features, 0) / jnp.maximum(jnp.sum(weights), 1)
    centred = weights * (features - mean)
    products = jnp.matmul(centred, centred.T, precision=jax.lax.Precision.HIGHEST)
    square = jnp.sum(centred**2, 1)
    distances = jnp.maximum(square[:, None] + square - (products + products.T), 0)
    return jnp.where(jnp.eye(len(valid), dtype=bool), 0.0, distances)
