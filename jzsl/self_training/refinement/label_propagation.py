"""Label propagation over the neighbour graph (Zhou et al. 2004), with and without class mass normalisation."""

from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jzsl.errors import InputError, require_positive
from jzsl.packages import PartsIn
from jzsl.self_training.parts import PriorConfig, Refiner
from jzsl.self_training.refinement.neighbour_graph import NeighbourGraph, neighbour_graph, propagate
from jzsl.types import Predictions


@dataclass(frozen=True)
class LabelPropagation:
    """Label propagation over the nearest neighbours."""

    neighbours: int = 10
    """edges from each unlabelled sample"""
    alpha: float = 0.9
    """weight of the neighbours' labels against the predictions, between 0 and 1"""
    iterations: int = 50
    """of the fixed-point equation"""
    mass: Annotated[PriorConfig | None, PartsIn("jzsl.self_training.priors")] = None
    """the class prior to which the classes' masses are scaled at the end; None leaves them"""

    def __post_init__(self):
        require_positive(self, "neighbours", "iterations")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha: {self.alpha} found, expected a number between 0 and 1")

    def build(self) -> Refiner:
        def prepare(x: Float[Array, "m *s"]) -> NeighbourGraph:
            return neighbour_graph(x, self.neighbours)

        def refine(
            prepared: NeighbourGraph, predictions: Predictions, x: Float[Array, "m *s"], prior: Float[Array, " k"]
        ) -> Predictions:
            del x
            mass = None if self.mass is None else prior
            return label_propagation(predictions, prepared, mass, self.alpha, self.iterations)

        return Refiner(refine, prepare, None if self.mass is None else self.mass.build())


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
        graph: of the unlabelled samples.
        prior: share of each class to which the classes' masses are scaled at the end (class mass normalisation,
            Zhu et al. 2003); None leaves them.
        alpha: weight of the neighbours' labels against the predictions, between 0 and 1.
        iterations: of the fixed-point equation.

    Returns:
        Predictions whose scores are log shares, finite everywhere: a class that has lost all its samples scores low,
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

    A class whose mass is below one sample counts as one: dividing by a mass of nearly zero would give all
    samples to a class that no prediction supports.
    """
    samples = len(share)
    scaled = share * (prior * samples / jnp.maximum(share.sum(0), 1.0))
    return scaled / jnp.maximum(scaled.sum(1, keepdims=True), 1e-30)
