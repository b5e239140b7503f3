"""Pseudo-labels of equally large clusters by Sinkhorn's algorithm (SwAV; UNO, Fini et al., 2021)."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Num


def sinkhorn(
    scores: Float[Array, "b k"], valid: Num[Array, " b"], epsilon: float = 0.05, iterations: int = 3
) -> Float[Array, "b k"]:
    """Soft assignments near exp(scores / epsilon) that use all clusters alike.

    Each iteration scales the columns to sums of 1 / k and then the rows to 1 / n, n the valid samples. Rows of the
    result sum to 1; those of samples that are not valid are 0 and have no influence.

    Args:
        scores: of each cluster.
        valid: 1 for samples that count, else 0.
        epsilon: of the entropy; smaller is harder.
        iterations: how many.
    """
    counts = (valid > 0)[:, None]
    highest = jnp.max(jnp.where(counts, scores, -jnp.inf))
    highest = jnp.where(jnp.isfinite(highest), highest, 0.0)
    plan = jnp.where(counts, jnp.exp((jnp.where(counts, scores, 0.0) - highest) / epsilon), 0.0)
    for _ in range(iterations):
        columns = jnp.sum(plan, 0)
        plan = plan / jnp.where(columns > 0, columns, 1.0) / scores.shape[1]
        rows = jnp.sum(plan, 1, keepdims=True)
        plan = plan / jnp.where(rows > 0, rows, 1.0) / jnp.maximum(jnp.sum(counts), 1)
    return plan * jnp.sum(counts)
