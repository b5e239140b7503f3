"""Spherical k-means of the unlabelled samples, started from the predicted classes (Dhillon and Modha 2001)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.self_training.parts import Refiner
from jzsl.types import Predictions


@dataclass(frozen=True)
class SphericalKMeans:
    """Spherical k-means from the predicted classes."""

    iterations: int = 20
    """updates of the centres"""

    def __post_init__(self):
        require_positive(self, "iterations")

    def build(self) -> Refiner:
        def refine(
            prepared: Any, predictions: Predictions, x: Float[Array, "m *s"], prior: Float[Array, " k"]
        ) -> Predictions:
            del prepared, prior
            return spherical_kmeans(predictions, x, self.iterations)

        return Refiner(refine)


def spherical_kmeans(predictions: Predictions, x: Float[Array, "m d"], iterations: int = 20) -> Predictions:
    """Clusters on the unit sphere, cluster c starting as the mean direction of the samples predicted as class c.

    A class without samples keeps its last centre; one that has had none from the start gets the mean direction
    of all samples, weighted by the shares that softmax(scores) gives it.

    Returns:
        Predictions whose scores are cosine similarities to the final centres.
    """
    directions = unit(x)
    classes = predictions.scores.shape[1]
    columns = jnp.arange(classes)

    def mean_direction(weight):
        return unit(jnp.dot(weight.T, directions, precision=jax.lax.Precision.HIGHEST))

    def similarity(centre):
        return jnp.dot(directions, centre.T, precision=jax.lax.Precision.HIGHEST)

    def move(label, centre):
        members = (label[:, None] == columns).astype(directions.dtype)
        return jnp.where(members.any(0)[:, None], mean_direction(members), centre)

    centre = move(predictions.label, mean_direction(jax.nn.softmax(predictions.scores)))
    centre = jax.lax.fori_loop(0, iterations, lambda _, c: move(jnp.argmax(similarity(c), 1), c), centre)
    scores = similarity(centre)
    return predictions._replace(scores=scores, label=jnp.argmax(scores, 1).astype(jnp.int32))
