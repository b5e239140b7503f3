"""Spherical k-means of the unlabelled rows, started from the predicted classes (Dhillon and Modha 2001)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.cosine import unit
from jzsl.types import Predictions


def spherical_kmeans(predictions: Predictions, x: Float[Array, "m d"], iterations: int = 20) -> Predictions:
    """Clusters on the unit sphere, cluster c starting as the mean direction of the rows predicted as class c.

    A class without rows keeps its centre of before; one that has had none from the start gets the mean direction
    of all rows, weighted by the shares that softmax(scores) gives it.

    Returns:
        Predictions whose scores are cosine similarities to the final centres.
    """
    rows = unit(x)
    classes = predictions.scores.shape[1]
    columns = jnp.arange(classes)

    def mean_direction(weight):
        return unit(jnp.dot(weight.T, rows, precision=jax.lax.Precision.HIGHEST))

    def similarity(centre):
        return jnp.dot(rows, centre.T, precision=jax.lax.Precision.HIGHEST)

    def move(label, centre):
        members = (label[:, None] == columns).astype(rows.dtype)
        return jnp.where(members.any(0)[:, None], mean_direction(members), centre)

    centre = move(predictions.label, mean_direction(jax.nn.softmax(predictions.scores)))
    centre = jax.lax.fori_loop(0, iterations, lambda _, c: move(jnp.argmax(similarity(c), 1), c), centre)
    scores = similarity(centre)
    return predictions._replace(scores=scores, label=jnp.argmax(scores, 1).astype(jnp.int32))
