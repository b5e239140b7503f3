"""Edges between the closest samples: those beyond a threshold, or a given share of all pairs."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from jzsl.errors import InputError
from jzsl.training.similarities.similarity import of_valid, others


def closest(
    closeness: Float[Array, "b b"], valid: Num[Array, " b"], threshold: float | None, density: float | None
) -> Float[Array, "b b"]:
    """The adjacency matrix of pairs closer than a threshold, or of the closest pairs.

    Args:
        closeness: of each pair, symmetric; larger is closer.
        valid: as in `Similarity`.
        threshold: what closeness must exceed; None: `density` says how many edges there are.
        density: share of the pairs i < j that are edges, the number rounded; pairs as close as the last of them are
            edges, too.
    """
    if threshold is not None:
        return of_valid(closeness > threshold, valid)
    assert density is not None
    pairs = jnp.triu(others(valid))
    order = jnp.sort(jnp.where(pairs, closeness, -jnp.inf), axis=None)[::-1]
    wanted = jnp.rint(density * jnp.sum(pairs)).astype(jnp.int32)
    last = jnp.where(wanted > 0, order[jnp.maximum(wanted - 1, 0)], jnp.inf)
    return of_valid(closeness >= last, valid)


def require_threshold_or_density(threshold: float | None, density: float | None) -> None:
    """Raises an InputError unless one of the two is given; a density is a share."""
    if (threshold is None) == (density is None):
        raise InputError(f"threshold: {threshold} found beside density: {density}, expected one of the two")
    if density is not None and not 0 <= density <= 1:
        raise InputError(f"density: {density} found, expected a share from 0 to 1")
