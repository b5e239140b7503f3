"""The k-nearest-neighbour graph of the unlabelled samples, sparse, and its normalised product with class scores."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.cosine import unit
from jzsl.errors import InputError

_QUERIES = 256


class NeighbourGraph(NamedTuple):
    """A symmetric graph W = A + A' in which sample i has edges in A to `neighbour[i]` of the given `weight`.

    `degree` holds the row sums of W. Memory is that of the lists: m k numbers, never m^2.
    """

    neighbour: Int[Array, "m k"]
    weight: Float[Array, "m k"]
    degree: Float[Array, " m"]


def neighbour_graph(x: Float[Array, "m d"], neighbours: int) -> NeighbourGraph:
    """Edges from each sample to its most similar other samples, weighted by cosine similarity where that is positive.

    Similarities are taken for 256 samples at a time, so memory is 256 m.
    """
    if x.ndim != 2:
        raise InputError(f"samples: shape {x.shape[1:]} found, but a neighbour graph is of feature vectors")
    count = min(neighbours, len(x) - 1)
    directions = unit(x)

    def nearest(sample):
        similarity = jnp.dot(directions, directions[sample], precision=jax.lax.Precision.HIGHEST)
        return jax.lax.top_k(similarity.at[sample].set(-jnp.inf), count)

    weight, neighbour = jax.lax.map(nearest, jnp.arange(len(x)), batch_size=_QUERIES)
    weight = jnp.maximum(weight, 0.0)
    degree = weight.sum(1) + jnp.zeros(len(x)).at[neighbour].add(weight)
    return NeighbourGraph(neighbour, weight, degree)


def propagate(graph: NeighbourGraph, scores: Float[Array, "m c"]) -> Float[Array, "m c"]:
    """D^-1/2 W D^-1/2 scores, one neighbour at a time, so that memory is a few times that of `scores`.

    A sample without edges gets zeros, as does the only sample of a pool.
    """
    if not graph.neighbour.shape[1]:
        return jnp.zeros_like(scores)
    scale = jnp.where(graph.degree > 0, jax.lax.rsqrt(jnp.where(graph.degree > 0, graph.degree, 1.0)), 0.0)[:, None]
    scaled = scores * scale

    def add(j, total):
        neighbour, weight = graph.neighbour[:, j], graph.weight[:, j, None]
        return (total + weight * scaled[neighbour]).at[neighbour].add(weight * scaled)

    return scale * jax.lax.fori_loop(0, graph.neighbour.shape[1], add, jnp.zeros_like(scores))
