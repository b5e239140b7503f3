"""The exemplar of each class: the mean of its samples (EXEM, section 3.1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jzsl.training.minibatch import labelled, scaled
from jzsl.types import ClassTable, Pool


class ClassMeans(NamedTuple):
    """The weighted mean of each class, zero for a class without samples, and which classes have any."""

    mean: Float[Array, "c d"]
    present: Bool[Array, " c"]


def class_means(pool: Pool, classes: ClassTable) -> ClassMeans:
    """Means over the labelled samples of a pool of features, by multiplicity, and by soft labels where there are any.

    An entry that was not observed does not count in its class's mean; where no sample of a class has an entry observed,
    the mean over all samples stands in.
    """
    pool = labelled(pool)
    w = jnp.asarray(pool.w).astype(jnp.float32)
    share = jax.nn.one_hot(pool.y, classes.count) if pool.soft is None else jnp.asarray(pool.soft)
    share = share * w[:, None]
    x = jnp.where(w[:, None] > 0, scaled(pool.x), 0.0)
    mass = share.sum(0)
    total = share.T @ x
    if pool.observed is None:
        return ClassMeans(total / jnp.where(mass > 0, mass, 1.0)[:, None], mass > 0)
    observed = jnp.asarray(pool.observed).astype(jnp.float32) * (w[:, None] > 0)
    count = share.T @ observed
    overall = total.sum(0) / jnp.maximum(count.sum(0), 1e-12)
    mean = jnp.where(count > 0, total / jnp.where(count > 0, count, 1.0), overall)
    return ClassMeans(jnp.where((mass > 0)[:, None], mean, 0.0), mass > 0)


def mean_of(vectors: Float[Array, "c d"], chosen: Bool[Array, " c"]) -> Float[Array, " d"]:
    """The mean of the chosen vectors, zero where none is."""
    return jnp.sum(jnp.where(chosen[:, None], vectors, 0.0), 0) / jnp.maximum(jnp.sum(chosen), 1)
