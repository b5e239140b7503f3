"""Label propagation over the neighbour graph (Zhou et al. 2004), with and without class mass normalisation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.self_training.refinement.neighbour_graph import NeighbourGraph, propagate
from jzsl.types import Predictions


def label_propagation(
    predictions: Predictions,
    graph: NeighbourGraph,
    prior: Float[Array, " k"] | None = None,
    alpha: float = 0.9,
    iterations: int = 50,
) -> Predictions:
    """F <- alpha S F + (1 - alpha) Y from Y = softmax(scores), with S the normalised graph.

    Args:
        predictions: of the base; its scores are taken as logits.
        graph: of the unlabelled rows.
        prior: share of each class to which the classes' masses are brought in the end (class mass normalisation,
            Zhu et al. 2003); None leaves them.
        alpha: how far labels travel, between 0 and 1.
        iterations: of the fixed-point equation.

    Returns:
        Predictions whose scores are log shares, finite everywhere: a class that has lost all its rows scores low,
        and may return in a later call.
    """
    start = jax.nn.softmax(predictions.scores)
    share = jax.lax.fori_loop(0, iterations, lambda _, f: alpha * propagate(graph, f) + (1 - alpha) * start, start)
    share = share / jnp.maximum(share.sum(1, keepdims=True), 1e-30)
    if prior is not None:
        share = mass_normalised(share, prior)
    scores = jnp.log(jnp.maximum(share, 1e-12))
    return predictions._replace(scores=scores, label=jnp.argmax(scores, 1).astype(jnp.int32))


def mass_normalised(share: Float[Array, "m k"], prior: Float[Array, " k"]) -> Float[Array, "m k"]:
    """Shares whose columns add up to m times the prior, rows to 1 again.

    A class whose mass is below one row counts as one row: its few shares are raised, but never divided by nearly
    nothing, which would hand all rows to a class that nothing speaks for.
    """
    rows = len(share)
    scaled = share * (prior * rows / jnp.maximum(share.sum(0), 1.0))
    return scaled / jnp.maximum(scaled.sum(1, keepdims=True), 1e-30)
