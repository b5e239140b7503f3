"""UNO: a unified objective for novel class discovery (Fini et al., 2021), with one head of clusters."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.classifiers.softmax import Linear
from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.headed import (
    NONE,
    HeadedState,
    Trained,
    headed,
    linear,
    mean,
    of_seen,
    require_clusters,
    scores,
    taken_over,
)
from jzsl.nets.network import BatchNormPolicy, NetworkConfig
from jzsl.nets.resnet import ResNet
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.cosine import Cosine
from jzsl.training.sinkhorn import sinkhorn
from jzsl.types import ClassTable


@dataclass(frozen=True)
class UNO:
    """One cross-entropy over old and new classes: labels, and Sinkhorn pseudo-labels of the other view.

    Of the paper's several heads of clusters, and of those with more clusters than classes, it has one of K clusters.
    """

    network: NetworkConfig = ResNet()
    """samples to features; after a stage, the network of that stage"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """makes each of the two views of a sample"""
    projection: int | None = 256
    """output units of the clusters' projection, a hidden layer of eight times as many before it; None: the clusters'
    prototypes are compared with the features"""
    temperature: float = 0.1
    """of the softmax of cosines"""
    epsilon: float = 0.05
    """of the pseudo-labels' entropy"""
    iterations: int = 3
    """of Sinkhorn's algorithm"""
    optimizer: OptimizerConfig = SGD(0.4, l2=1.5e-4, rate=Cosine())
    """SGD, Adam, with a schedule of the learning rate"""
    learned: tuple[str, ...] | None = None
    """blocks of the network that learn, by how their names start; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.frozen_affine
    """batch normalisation in the other blocks"""
    batch_size: int = 512
    """samples of a minibatch, labelled and unlabelled ones as they come"""

    def __post_init__(self):
        require_positive(self, "temperature", "epsilon", "iterations", "batch_size")
        if self.projection is not None:
            require_positive(self, "projection")

    def build(self, task: Task) -> Method:
        require_clusters(task, "UNO")
        return uno(self)


class UNOHeads(NamedTuple):
    """The prototypes of both kinds of classes, compared by cosine.

    Attributes:
        old: a column per class of the table, of which labelled ones count.
        projection: of features before they are compared with `new`; None without one.
        new: a column per cluster.
    """

    old: Float[Array, "e c"]
    projection: tuple[Linear, Linear] | None
    new: Float[Array, "p k"]


def uno(hyper: UNO) -> Method:
    """Minimises the cross-entropy of both views over labelled classes and clusters together.

    The target of a labelled sample is its label; of an unlabelled one, the pseudo-label that the other view's cosines
    with the clusters give among the minibatch's unlabelled samples, without gradient.
    """
    augment = hyper.augment.build()

    def heads_of(key: Key[Array, ""], size: int, classes: ClassTable) -> UNOHeads:
        old = linear(stream(key, "old"), size, classes.count).weight
        projection, out = None, size
        if hyper.projection is not None:
            inner, out = 8 * hyper.projection, hyper.projection
            projection = (
                linear(stream(key, "inner projection"), size, inner),
                linear(stream(key, "projection"), inner, out),
            )
        new = linear(stream(key, "new"), out, len(classes.required_clusters)).weight
        return UNOHeads(old, projection, new)

    def cosines(heads: UNOHeads, features: Float[Array, "b e"], classes: ClassTable) -> Float[Array, "b c"]:
        """The joint head: of labelled classes and clusters; `NONE` for other classes."""
        projected = features
        if heads.projection is not None:
            projected = scores(heads.projection[1], jax.nn.relu(scores(heads.projection[0], features)))
        of_old, of_new = (unit(x) @ unit(w.T).T for x, w in ((features, heads.old), (projected, heads.new)))
        return of_seen(of_old, classes.seen).at[:, classes.clusters].set(of_new)

    def loss(heads, variables, embed, key, samples, classes, position):
        del position
        valid = samples.labelled + samples.unlabelled
        columns, pseudo = [], []
        for view in range(2):
            x = augment(stream(key, "augmentation", view), samples.x)
            features, variables = embed(variables, x, stream(key, "dropout", view), valid)
            columns.append(cosines(heads, features, classes))
            of_clusters = jax.lax.stop_gradient(columns[view][:, classes.clusters])
            pseudo.append(sinkhorn(of_clusters, samples.unlabelled, hyper.epsilon, hyper.iterations))
        labels = jax.nn.one_hot(samples.y, classes.count) * samples.labelled[:, None]
        entropy = jnp.zeros(())
        for view in range(2):
            target = labels.at[:, classes.clusters].add(pseudo[1 - view])
            log_p = jax.nn.log_softmax(columns[view] / hyper.temperature)
            entropy += mean(-jnp.sum(jnp.where(target > 0, target * log_p, 0), 1), valid) / 2
        right = (jnp.argmax(columns[0], 1) == samples.y).astype(jnp.float32)
        return entropy, (variables, {"loss": entropy, "training_accuracy": mean(right, samples.labelled)})

    def scores_of(heads: UNOHeads, features: Float[Array, "m e"], classes: ClassTable) -> Float[Array, "m c"]:
        columns = cosines(heads, features, classes)
        return jnp.where(columns > NONE / 2, columns / hyper.temperature, NONE)

    trained = Trained(hyper.network.build(), hyper.optimizer.build(), hyper.learned, hyper.others, hyper.batch_size)
    return headed(trained, heads_of, loss, scores_of, adopt)


def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
    """The network of the stage before and, where it classified the same classes, its class weights as prototypes."""
    del key
    state = taken_over(state, earlier)
    weights = getattr(earlier, "weights", None)
    if weights is None or weights.shape != state.heads.old.shape:
        return state
    return state._replace(heads=state.heads._replace(old=weights))
