"""k-means: clusters around the means of their samples, from k-means++ starts (Arthur and Vassilvitskii 2007).

It works on samples as they are, vectors or the pixels of images, or on the features of a network that a stage has
trained, as the thesis has it for a baseline (chapter 6, table 2).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.classifiers.prototype import nearest, negative_distance
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.nets.in_blocks import pooled_features
from jzsl.nets.network import NetworkConfig, Variables
from jzsl.training.minibatch import first_sample, labelled, scaled
from jzsl.types import ClassTable, Embedding, LinearHead, Metrics, Pool


@dataclass(frozen=True)
class KMeans:
    """k-means of the unlabelled samples; an old class is the mean of its labelled samples."""

    network: NetworkConfig | None = None
    """whose features are clustered, after a stage the network of that stage; None: the samples themselves"""
    restarts: int = 10
    """starts, of which the one with the least inertia is kept"""
    iterations: int = 300
    """most updates of the centres of each"""

    def __post_init__(self):
        require_positive(self, "restarts", "iterations")

    def build(self, task: Task) -> Method:
        if not task.clusters:
            raise InputError(f"method: KMeans discovers classes, so it has no answer to the task {task.name}")
        return k_means(self)


class KMeansState(NamedTuple):
    """The centres of the clusters, the network's variables, if there is one, and the base key."""

    centres: Float[Array, "k e"]
    variables: Variables | None
    key: Key[Array, ""]


class KMeansPredictor(NamedTuple):
    """The mean of all centres, every class's centre less that (zero for a class without one), and the network's
    variables, if there is one."""

    centre: Float[Array, " e"]
    offset: Float[Array, "c e"]
    variables: Variables | None


class Partition(NamedTuple):
    """Centres, and the weighted sum of squared distances of samples from the nearest one."""

    centres: Float[Array, "k e"]
    inertia: Float[Array, ""]


def k_means(hyper: KMeans) -> Method:
    """`fit` finds the centres; among old classes and clusters the nearest centre is predicted."""
    network = None if hyper.network is None else hyper.network.build()

    def features(variables: Any, x: Num[Any, "n *s"]) -> Float[Array, "n e"]:
        if network is None:
            x = scaled(x)
            return x.reshape(x.shape[0], -1)
        return pooled_features(network, variables, x)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> KMeansState:
        variables = None if network is None else network.init(stream(key, "parameters"), first_sample(pool))
        size = jax.eval_shape(features, variables, pool.x[:1]).shape[1]
        return KMeansState(jnp.zeros((len(classes.required_clusters), size)), variables, key)

    def fit(
        state: KMeansState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[KMeansState, Metrics]:
        del classes, epochs, total
        weight = jnp.where(jnp.asarray(pool.y) < 0, pool.w, 0)
        x = features(state.variables, pool.x)
        key, count = stream(state.key, "k-means"), len(state.centres)
        best = best_partition(key, x, weight, count, hyper.restarts, hyper.iterations)
        return state._replace(centres=best.centres), {"inertia": best.inertia / jnp.maximum(jnp.sum(weight), 1)}

    def predictor(state: KMeansState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> KMeansPredictor:
        del unseen
        known = labelled(pool)
        x, w = features(state.variables, known.x), jnp.asarray(known.w)
        middle = state.centres.mean(0)
        share = jax.nn.one_hot(known.y, classes.count) * w[:, None]
        total = jnp.matmul(share.T, jnp.where(w[:, None] > 0, x - middle, 0.0), precision="highest")
        offset = total / jnp.maximum(jnp.sum(share, 0), 1)[:, None]
        offset = offset.at[jnp.asarray(classes.required_clusters)].set(state.centres - middle)
        return KMeansPredictor(middle, offset, state.variables)

    def logits(made: KMeansPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Float[Array, "m k"]:
        return negative_distance(features(made.variables, x), made.centre, made.offset[candidates])

    def embedding(made: KMeansPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Embedding:
        return Embedding(features(made.variables, x), made.centre + made.offset[candidates])

    def head(made: KMeansPredictor, candidates: Int[Any, " k"]) -> LinearHead:
        return nearest(made.centre, made.offset[candidates])

    def adopt(key: Key[Array, ""], state: KMeansState, earlier: Any) -> KMeansState:
        del key
        return state._replace(variables=earlier.variables)

    return Method(
        init,
        fit,
        predictor,
        logits,
        embedding=embedding,
        head=head if network is None else None,
        adopt=None if network is None else adopt,
        takes_images=True,
        whole_pool=True,
        closed_form=True,
        discovers=True,
        pretraining=None if network is None else network.pretraining,
    )


def best_partition(
    key: Key[Array, ""], x: Float[Any, "n e"], w: Num[Any, " n"], clusters: int, restarts: int, iterations: int
) -> Partition:
    """The partition of least inertia among those of several starts.

    Args:
        key: of the starts.
        x: samples.
        w: multiplicity of each; 0 = absent.
        clusters: how many, static.
        restarts: number of starts, one after another.
        iterations: most updates of the centres.
    """
    weight = jnp.asarray(w).astype(jnp.float32)
    x = jnp.where(weight[:, None] > 0, x, 0.0)
    origin = jnp.dot(weight, x, precision="highest") / jnp.maximum(jnp.sum(weight), 1)
    x = jnp.where(weight[:, None] > 0, x - origin, 0.0)

    def of_start(key):
        return lloyd(x, weight, plus_plus(key, x, weight, clusters), iterations)

    partitions = jax.lax.map(of_start, jax.random.split(key, restarts))
    best = jnp.argmin(partitions.inertia)
    return Partition(partitions.centres[best] + origin, partitions.inertia[best])


def plus_plus(
    key: Key[Array, ""], x: Float[Array, "n e"], weight: Float[Array, " n"], clusters: int
) -> Float[Array, "k e"]:
    """Samples as centres, each drawn with a probability proportional to its squared distance from those before."""
    keys = jax.random.split(key, clusters)

    def add(number, carry):
        centres, distance = carry
        drawn = jax.random.categorical(keys[number], jnp.log(weight * distance))
        centre = x[drawn]
        return centres.at[number].set(centre), jnp.minimum(distance, jnp.sum((x - centre) ** 2, 1))

    first = x[jax.random.categorical(keys[0], jnp.log(weight))]
    start = jnp.zeros((clusters, x.shape[1])).at[0].set(first), jnp.sum((x - first) ** 2, 1)
    return jax.lax.fori_loop(1, clusters, add, start)[0]


def lloyd(
    x: Float[Array, "n e"], weight: Float[Array, " n"], centres: Float[Array, "k e"], iterations: int
) -> Partition:
    """Moves each centre to the mean of the samples that it is nearest to, until no centre moves; a centre without
    samples stays."""
    square = jnp.sum(x**2, 1)
    columns = jnp.arange(len(centres))

    def half_distances(centres):
        return jnp.sum(centres**2, 1) / 2 - jnp.dot(x, centres.T, precision="highest")

    def move(carry):
        centres, _, number = carry
        member = (jnp.argmin(half_distances(centres), 1)[:, None] == columns) * weight[:, None]
        mass = jnp.sum(member, 0)[:, None]
        mean = jnp.dot(member.T, x, precision="highest") / jnp.maximum(mass, 1e-12)
        moved = jnp.where(mass > 0, mean, centres)
        return moved, jnp.any(moved != centres), number + 1

    def goes_on(carry):
        return carry[1] & (carry[2] < iterations)

    centres, _, _ = jax.lax.while_loop(goes_on, move, (centres, jnp.bool_(True), 0))
    inertia = jnp.dot(weight, square + 2 * jnp.min(half_distances(centres), 1), precision="highest")
    return Partition(centres, inertia)
