"""Nearest prototype: the class whose mean is closest."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.interfaces import Classifier
from jzsl.types import ClassTable, Embedding, LinearHead


@dataclass(frozen=True)
class Prototype:
    """The class whose mean is closest (Euclidean)."""

    def build(self) -> Classifier:
        return prototype()


class Prototypes(NamedTuple):
    """The mean of all samples, each class's mean less that, and which classes have one."""

    centre: Float[Array, " d"]
    offset: Float[Array, "c d"]
    known: Bool[Array, " c"]


def prototype() -> Classifier:
    """Scores a class by minus half the squared distance to the weighted mean of its samples, up to a term of x alone.

    Everything is measured from the mean of all samples: features that lie far from zero, close together, would
    otherwise lose their digits to the squares of their lengths. A class without samples scores minus infinity.
    """

    def fit(
        key: Key[Array, ""],
        x: Float[Array, "n d"],
        y: Int[Array, " n"],
        w: Int[Array, " n"],
        classes: ClassTable,
    ) -> Prototypes:
        del key
        count = classes.count
        x = x.astype(jnp.float32)
        weight = w.astype(x.dtype)
        centre = jnp.sum(x * weight[:, None], 0) / jnp.maximum(jnp.sum(weight), 1)
        total = jax.ops.segment_sum((x - centre) * weight[:, None], y, count)
        mass = jax.ops.segment_sum(weight, y, count)
        return Prototypes(centre, total / jnp.maximum(mass, 1)[:, None], mass > 0)

    def logits(prototypes: Prototypes, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        scores = negative_distance(x, prototypes.centre, prototypes.offset[candidates])
        return jnp.where(prototypes.known[candidates], scores, -jnp.inf)

    def embedding(prototypes: Prototypes, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, prototypes.centre + prototypes.offset[candidates])

    def head(prototypes: Prototypes, candidates: Int[Array, " k"]) -> LinearHead:
        near = nearest(prototypes.centre, prototypes.offset[candidates])
        return near._replace(bias=jnp.where(prototypes.known[candidates], near.bias, -jnp.inf))

    return Classifier(fit, logits, embedding=embedding, head=head)


def negative_distance(
    x: Float[Array, "m d"], centre: Float[Array, " d"], offset: Float[Array, "k d"]
) -> Float[Array, "m k"]:
    """(||x - c||^2 - ||x - c - o||^2) / 2, with prototypes c + o: the nearest prototype has the largest value."""
    product = jnp.dot(x - centre, offset.T, precision=jax.lax.Precision.HIGHEST)
    return product - jnp.sum(offset**2, -1) / 2


def nearest(centre: Float[Array, " d"], offset: Float[Array, "k d"]) -> LinearHead:
    """`negative_distance` as a linear map of x."""
    bias = -jnp.dot(offset, centre, precision=jax.lax.Precision.HIGHEST) - jnp.sum(offset**2, -1) / 2
    return LinearHead(offset.T, bias, centre=centre)
