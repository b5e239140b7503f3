"""What a config chooses from to refine predictions."""

import enum

from jaxtyping import Array, Float

from jzsl.self_training.refinement.label_propagation import label_propagation
from jzsl.self_training.refinement.neighbour_graph import NeighbourGraph
from jzsl.self_training.refinement.spherical_kmeans import spherical_kmeans
from jzsl.types import Predictions


def none(
    predictions: Predictions, x: Float[Array, "m d"], graph: NeighbourGraph | None, prior: Float[Array, " k"]
) -> Predictions:
    """The base's predictions as they are."""
    del x, graph, prior
    return predictions


def propagation(
    predictions: Predictions, x: Float[Array, "m d"], graph: NeighbourGraph, prior: Float[Array, " k"]
) -> Predictions:
    """Label propagation."""
    del x, prior
    return label_propagation(predictions, graph)


def mass_propagation(
    predictions: Predictions, x: Float[Array, "m d"], graph: NeighbourGraph, prior: Float[Array, " k"]
) -> Predictions:
    """Label propagation, class masses brought to the estimated prior."""
    del x
    return label_propagation(predictions, graph, prior)


def kmeans(
    predictions: Predictions, x: Float[Array, "m d"], graph: NeighbourGraph | None, prior: Float[Array, " k"]
) -> Predictions:
    """Spherical k-means started from the predicted classes."""
    del graph, prior
    return spherical_kmeans(predictions, x)


class Refinement(enum.Enum):
    """What is made of the base's predictions before rows are selected by them."""

    none = enum.member(none)
    label_propagation = enum.member(propagation)
    mass_label_propagation = enum.member(mass_propagation)
    spherical_kmeans = enum.member(kmeans)

    @property
    def needs_graph(self) -> bool:
        return self in (Refinement.label_propagation, Refinement.mass_label_propagation)
