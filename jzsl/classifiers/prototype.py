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
    """One mean a class, and which classes have one."""

    mean: Float[Array, "c d"]
    known: Bool[Array, " c"]


def prototype() -> Classifier:
    """Scores a class by minus half the squared distance to the weighted mean of its rows, up to a term of x alone.

    A class without rows scores minus infinity.
    """

    def fit(
        key: Key[Array, ""],
        x: Float[Array, "n d"],
        y: Int[Array, " n"],
        w: Int[Array, " n"],
        classes: ClassTable,
    ) -> Prototypes:
        del key
        count = len(classes.semantics)
        x = x.astype(jnp.float32)
        weight = w.astype(x.dtype)
        total = jax.ops.segment_sum(x * weight[:, None], y, count)
        mass = jax.ops.segment_sum(weight, y, count)
        return Prototypes(total / jnp.maximum(mass, 1)[:, None], mass > 0)

    def logits(prototypes: Prototypes, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        scores = negative_distance(x, prototypes.mean[candidates])
        return jnp.where(prototypes.known[candidates], scores, -jnp.inf)

    def embedding(prototypes: Prototypes, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, prototypes.mean[candidates])

    def head(prototypes: Prototypes, candidates: Int[Array, " k"]) -> LinearHead:
        near = nearest(prototypes.mean[candidates])
        return near._replace(bias=jnp.where(prototypes.known[candidates], near.bias, -jnp.inf))

    return Classifier(fit, logits, embedding=embedding, head=head)


def negative_distance(x: Float[Array, "m d"], prototypes: Float[Array, "k d"]) -> Float[Array, "m k"]:
    """x'p - ||p||^2 / 2 = (||x||^2 - ||x - p||^2) / 2: the nearest prototype has the largest value."""
    linear = nearest(prototypes)
    return jnp.dot(x, linear.weight, precision=jax.lax.Precision.HIGHEST) + linear.bias


def nearest(prototypes: Float[Array, "k d"]) -> LinearHead:
    """`negative_distance` as a linear map of x."""
    return LinearHead(prototypes.T, -jnp.sum(prototypes**2, -1) / 2)
