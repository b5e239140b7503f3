"""The exemplar of each class, the mean of its samples (EXEM, section 3.1), and how samples deviate from it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jzsl.errors import InputError
from jzsl.training.minibatch import labelled, scaled
from jzsl.types import ClassTable, Pool


class ClassMeans(NamedTuple):
    """The weighted mean of each class, zero for a class without samples, and which classes have any."""

    mean: Float[Array, "c d"]
    present: Bool[Array, " c"]


class Members(NamedTuple):
    """The labelled samples of a pool as members of classes.

    Attributes:
        share: mass of each sample in each class: its multiplicity, divided by its soft label where there is one.
        x: entries, zero where not observed.
        observed: which entries are; one column for all where none is missing.
        mass: of each class's observed entries.
    """

    share: Float[Array, "n c"]
    x: Float[Array, "n d"]
    observed: Bool[Array, "n #d"]
    mass: Float[Array, "c #d"]


def members(pool: Pool, classes: ClassTable) -> Members:
    """The members of each class; absent and unlabelled samples have no mass."""
    if pool.x.ndim != 2:
        raise InputError(f"samples: shape {pool.x.shape[1:]} found, but class means are of feature vectors")
    pool = labelled(pool)
    present = (jnp.asarray(pool.w) > 0)[:, None]
    label = jax.nn.one_hot(pool.y, classes.count) if pool.soft is None else jnp.asarray(pool.soft)
    share = jnp.where(present, label * jnp.asarray(pool.w)[:, None], 0.0)
    observed = present if pool.observed is None else present & jnp.asarray(pool.observed)
    mass = jnp.matmul(share.T, observed.astype(jnp.float32), precision="highest")
    return Members(share, jnp.where(observed, scaled(pool.x), 0.0), observed, mass)


def class_means(pool: Pool, classes: ClassTable) -> ClassMeans:
    """Means over the labelled samples of a pool of features, by multiplicity, and by soft labels where there are any.

    An entry that was not observed does not count in its class's mean; where no sample of a class has an entry observed,
    the mean over all samples stands in.
    """
    share, x, _, mass = members(pool, classes)
    total, present = jnp.matmul(share.T, x, precision="highest"), jnp.sum(share, 0) > 0
    overall = total.sum(0) / jnp.maximum(mass.sum(0), 1e-12)
    mean = jnp.where(mass > 0, total / jnp.where(mass > 0, mass, 1.0), overall)
    return ClassMeans(jnp.where(present[:, None], mean, 0.0), present)


def class_deviations(pool: Pool, classes: ClassTable, means: ClassMeans) -> Float[Array, "c d"]:
    """The standard deviation of each entry within each class, over the observed ones; zero where there are none."""
    share, x, observed, mass = members(pool, classes)
    middle = mean_of(means.mean, means.present)
    square = jnp.matmul(share.T, jnp.where(observed, x - middle, 0.0) ** 2, precision="highest")
    variance = square / jnp.where(mass > 0, mass, 1.0) - (means.mean - middle) ** 2
    return jnp.sqrt(jnp.where(mass > 0, jnp.maximum(variance, 0.0), 0.0))


def mean_of(vectors: Float[Array, "c d"], chosen: Bool[Array, " c"]) -> Float[Array, " d"]:
    """The mean of the chosen vectors, zero where none is."""
    return jnp.sum(jnp.where(chosen[:, None], vectors, 0.0), 0) / jnp.maximum(jnp.sum(chosen), 1)
