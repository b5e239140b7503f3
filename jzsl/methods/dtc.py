"""DTC: deep transfer clustering (Han et al., 2019), in the variant with consistency of two views (DTC-Pi)."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.headed import (
    NONE,
    HeadedState,
    Trained,
    headed,
    mean,
    of_unlabelled,
    require_clusters,
    scores,
    taken_over,
    train,
)
from jzsl.methods.k_means import best_partition
from jzsl.nets.in_blocks import pooled_features
from jzsl.nets.network import BatchNormPolicy, NetworkConfig
from jzsl.nets.resnet import ResNet
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.consistency.consistency import Views
from jzsl.training.consistency.every_sample import over_classes
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.ramp_up import RampUp
from jzsl.training.rates.rate import RateConfig
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class DTC:
    """Clusters around centres whose soft assignments are sharpened; it starts from k-means on features.

    It learns from unlabelled samples alone; what it knows of labelled classes are the features of the stage before.
    """

    network: NetworkConfig = ResNet()
    """samples to features; after a stage, the network of that stage"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """makes each of the two views of a sample"""
    consistency_weight: float = 10.0
    """of the consistency"""
    ramp: RateConfig = RampUp(0.05)
    """its factor over the training"""
    optimizer: OptimizerConfig = SGD(0.05, l2=1e-5)
    """SGD, Adam, with a schedule of the learning rate"""
    learned: tuple[str, ...] | None = ("stage4",)
    """blocks of the network that learn, by how their names start; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.frozen_affine
    """batch normalisation in the other blocks"""
    restarts: int = 10
    """starts of k-means"""
    batch_size: int = 128
    """samples of a minibatch at most; an epoch is divided evenly"""

    def __post_init__(self):
        require_positive(self, "restarts", "batch_size")
        if not self.consistency_weight >= 0:
            raise InputError(f"consistency_weight: {self.consistency_weight} found, expected zero or more")

    def build(self, task: Task) -> Method:
        require_clusters(task, "DTC")
        return dtc(self)


class Centred(NamedTuple):
    """What features are compared with.

    Attributes:
        projection: of features to as many dimensions as there are clusters.
        centres: of the clusters among the projected features.
    """

    projection: Linear
    centres: Float[Array, "k k"]


def dtc(hyper: DTC) -> Method:
    """Minimises KL(q || p) + omega(t) times the mean squared difference of p between two views.

    Before the first epoch features are projected to their first principal components, as many as there are clusters,
    and k-means gives the centres; both learn. Targets q are computed before each epoch from all unlabelled samples, by
    running statistics.
    """
    network = hyper.network.build()
    augment, ramp = hyper.augment.build(), hyper.ramp.build()
    trained = Trained(network, hyper.optimizer.build(), hyper.learned, hyper.others, hyper.batch_size)

    def heads_of(key: Key[Array, ""], size: int, classes: ClassTable) -> Centred:
        del key
        count = len(classes.required_clusters)
        return Centred(Linear(jnp.zeros((size, count)), jnp.zeros(count)), jnp.zeros((count, count)))

    def assigned(heads: Centred, features: Float[Array, "b e"]) -> Float[Array, "b k"]:
        return student_t(scores(heads.projection, features), heads.centres)

    def fit(
        state: HeadedState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[HeadedState, Metrics]:
        pool = pool._replace(w=of_unlabelled(pool))
        x = jnp.asarray(pool.x)
        start = pooled_features(network, state.variables, x)
        heads = jax.lax.cond(
            state.epoch == 0,
            lambda: started(stream(state.key, "centres"), start, pool.w, state.heads, hyper.restarts),
            lambda: state.heads,
        )

        def one(number, carry):
            del number
            state, sums = carry
            p = assigned(state.heads, pooled_features(network, state.variables, x))
            targets = jax.lax.stop_gradient(target_distribution(p, pool.w))
            state, metrics = train(trained, partial(loss, targets), state, pool, classes, 1, total)
            return state, jax.tree.map(jnp.add, sums, metrics)

        zeros = {name: jnp.zeros(()) for name in ("loss", "divergence", "consistency")}
        state, sums = jax.lax.fori_loop(0, epochs, one, (state._replace(heads=heads), zeros))
        return state, jax.tree.map(lambda value: value / jnp.maximum(epochs, 1), sums)

    def loss(targets, heads, variables, embed, key, samples, classes, position):
        del classes
        p = []
        for view in range(2):
            x = augment(stream(key, "augmentation", view), samples.x)
            features, variables = embed(variables, x, stream(key, "dropout", view), samples.unlabelled)
            p.append(assigned(heads, features))
        q = targets[samples.number]
        divergence = mean(jnp.sum(q * (jnp.log(jnp.maximum(q, 1e-12)) - jnp.log(p[0])), 1), samples.unlabelled)
        between_views = over_classes(Views(p[0], p[1], p[0].shape[1]), samples.unlabelled)
        total = divergence + hyper.consistency_weight * ramp(position.share) * between_views
        return total, (variables, {"loss": total, "divergence": divergence, "consistency": between_views})

    def scores_of(heads: Centred, features: Float[Array, "m e"], classes: ClassTable) -> Float[Array, "m c"]:
        columns = jnp.full((len(features), classes.count), NONE)
        return columns.at[:, classes.clusters].set(jnp.log(assigned(heads, features)))

    def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
        del key
        return taken_over(state, earlier)

    return headed(trained, heads_of, fit, scores_of, adopt)._replace(whole_pool=True)


def started(
    key: Key[Array, ""], features: Float[Array, "n e"], w: Int[Any, " n"], heads: Centred, restarts: int
) -> Centred:
    """The first principal components of the features, and the centres of k-means among them."""
    count = len(heads.centres)
    weight = (w > 0).astype(jnp.float32)[:, None]
    features = jnp.where(weight > 0, features, 0.0)
    origin = jnp.sum(features, 0) / jnp.maximum(jnp.sum(weight), 1)
    centred = weight * (features - origin)
    _, axes = jnp.linalg.eigh(jnp.matmul(centred.T, centred, precision="highest"))
    projection = axes[:, ::-1][:, :count]
    best = best_partition(key, centred @ projection, w, count, restarts, 300)
    return Centred(Linear(projection, -origin @ projection), best.centres)


def student_t(z: Float[Array, "n p"], centres: Float[Array, "k p"]) -> Float[Array, "n k"]:
    """p(k | i), proportional to 1 / (1 + ||z_i - mu_k||^2): Student's t of one degree of freedom (DEC, equation 1)."""
    squares = jnp.sum((z[:, None] - centres) ** 2, 2)
    closeness = 1 / (1 + squares)
    return closeness / jnp.sum(closeness, 1, keepdims=True)


def target_distribution(p: Float[Array, "n k"], w: Num[Any, " n"]) -> Float[Array, "n k"]:
    """q(k | i), proportional to p(k | i)^2 / sum_i p(k | i): sharper, and fair to small clusters (DEC, equation 3).

    The sum counts each sample as often as `w` says.
    """
    sizes = jnp.sum(jnp.asarray(w)[:, None] * p, 0)
    sharp = p**2 / jnp.maximum(sizes, 1e-12)
    return sharp / jnp.sum(sharp, 1, keepdims=True)
