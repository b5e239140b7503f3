"""UNO: a unified objective for novel class discovery (Fini et al., 2021), with its several heads of clusters."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.classifiers.softmax import Linear
from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.headed import (
    Embed,
    HeadedState,
    Samples,
    Trained,
    headed,
    linear,
    mean,
    of_seen,
    require_clusters,
    scores,
    taken_over,
    train,
)
from jzsl.nets.network import BatchNormPolicy, NetworkConfig, Variables
from jzsl.nets.resnet import ResNet
from jzsl.training.augment.augment import Augment, AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.network_descent import Position
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.cosine import Cosine
from jzsl.training.sinkhorn import sinkhorn
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class UNO:
    """One cross-entropy over old and new classes: labels, and Sinkhorn pseudo-labels of the other view."""

    network: NetworkConfig = ResNet()
    """samples to features; after a stage, the network of that stage"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """makes each of the two views of a sample"""
    heads: int = 4
    """heads of clusters, each with a projection and prototypes of its own; the one with the lowest loss in the last
    epoch predicts"""
    overclustering: int | None = 3
    """as many further heads, for the sake of the features, have so many times as many clusters; None: there are none"""
    projection: int | None = 256
    """output units of the clusters' projections, a hidden layer of eight times as many before it; None: the clusters'
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
    """samples of a minibatch at most, labelled and unlabelled ones as they come; an epoch is divided evenly"""

    def __post_init__(self):
        require_positive(self, "heads", "temperature", "epsilon", "iterations", "batch_size")
        for name in ("projection", "overclustering"):
            if getattr(self, name) is not None:
                require_positive(self, name)

    def build(self, task: Task) -> Method:
        require_clusters(task, "UNO")
        return uno(self)


class ClusterHeads(NamedTuple):
    """Several heads of clusters, along the first axis.

    Attributes:
        projection: of features before they are compared with the prototypes; None without one.
        prototypes: of each head a column per cluster.
    """

    projection: tuple[Linear, Linear] | None
    prototypes: Float[Array, "h p k"]


class UNOHeads(NamedTuple):
    """The prototypes of both kinds of classes, compared by cosine.

    Attributes:
        old: a column per class of the table, of which labelled ones count.
        new: the heads of clusters.
        over: those with more clusters; None without them.
    """

    old: Float[Array, "e c"]
    new: ClusterHeads
    over: ClusterHeads | None


class RankedHeads(NamedTuple):
    """What is learned, and the loss of each head of clusters in the last epoch, which is not."""

    learned: UNOHeads
    losses: Float[Array, " h"]


class Parts(NamedTuple):
    """What UNO is made of, and its functions; see `uno`.

    Attributes:
        hyper: the settings.
        trained: the network and how it learns.
        augment: makes a view of samples.
    """

    hyper: UNO
    trained: Trained
    augment: Augment

    def heads_of(self, key: Key[Array, ""], size: int, classes: ClassTable) -> UNOHeads:
        """The heads before training, for features of a size."""
        hyper, count = self.hyper, len(classes.required_clusters)

        def clusters(name: str, number: int) -> ClusterHeads:
            return jax.vmap(lambda key: _cluster_head(key, size, hyper.projection, number))(
                jax.random.split(stream(key, name), hyper.heads)
            )

        over = None if hyper.overclustering is None else clusters("overclustering", hyper.overclustering * count)
        return UNOHeads(linear(stream(key, "old"), size, classes.count).weight, clusters("new", count), over)

    def loss(
        self,
        heads: UNOHeads,
        variables: Variables,
        embed: Embed,
        key: Key[Array, ""],
        samples: Samples,
        classes: ClassTable,
        position: Position,
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """The mean over all heads, and the loss of each one with as many clusters as there are new classes."""
        del position
        valid = samples.labelled + samples.unlabelled
        labels = jax.nn.one_hot(samples.y, classes.count) * samples.labelled[:, None]
        features = []
        for view in range(2):
            x = self.augment(stream(key, "augmentation", view), samples.x)
            embedded, variables = embed(variables, x, stream(key, "dropout", view), valid)
            features.append(embedded)
        old = [of_seen(_cosines(part, heads.old), classes.seen) for part in features]
        of_head = partial(self.head_loss, features, old, labels, samples, valid)
        losses = jax.vmap(of_head)(heads.new)
        total = jnp.mean(losses)
        if heads.over is not None:
            total = (total + jnp.mean(jax.vmap(of_head)(heads.over))) / 2
        right = (jnp.argmax(old[0], 1) == samples.y).astype(jnp.float32)
        metrics = {"loss": total, "training_accuracy": mean(right, samples.labelled)}
        return total, (variables, metrics | {_loss_of(number): value for number, value in enumerate(losses)})

    def head_loss(
        self,
        features: list[Float[Array, "b e"]],
        old: list[Float[Array, "b c"]],
        labels: Float[Array, "b c"],
        samples: Samples,
        valid: Float[Array, " b"],
        head: Any,
    ) -> Float[Array, ""]:
        """The cross-entropy of one head, a mean over both views.

        Args:
            features: of each view.
            old: the cosines of each view with the prototypes of labelled classes.
            labels: one-hot; zeros for unlabelled samples.
            samples: the minibatch.
            valid: 1 for samples, 0 for padding.
            head: `ClusterHeads` without the axis of heads.
        """
        hyper = self.hyper
        new = [_of_clusters(head, part) for part in features]
        pseudo = [
            sinkhorn(jax.lax.stop_gradient(part), samples.unlabelled, hyper.epsilon, hyper.iterations) for part in new
        ]
        entropy = jnp.zeros(())
        for view in range(2):
            target = jnp.concatenate([labels, pseudo[1 - view]], 1)
            log_p = jax.nn.log_softmax(jnp.concatenate([old[view], new[view]], 1) / hyper.temperature)
            entropy += mean(-jnp.sum(jnp.where(target > 0, target * log_p, 0), 1), valid) / 2
        return entropy

    def scores_of(self, heads: RankedHeads, features: Float[Array, "m e"], classes: ClassTable) -> Float[Array, "m c"]:
        """Of labelled classes and the clusters of the best head; `NONE` for other classes."""
        best = jax.tree.map(lambda leaf: leaf[jnp.argmin(heads.losses)], heads.learned.new)
        old = of_seen(_cosines(features, heads.learned.old) / self.hyper.temperature, classes.seen)
        return old.at[:, classes.clusters].set(_of_clusters(best, features) / self.hyper.temperature)

    def fit(
        self,
        state: HeadedState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[HeadedState, Metrics]:
        """Trains further, an epoch at a time, after each of which the losses of the heads are kept."""

        def one(number, carry):
            del number
            state, sums = carry
            learned = state._replace(heads=state.heads.learned)
            learned, metrics = train(self.trained, self.loss, learned, pool, classes, 1, total)
            losses = jnp.stack([metrics.pop(_loss_of(head)) for head in range(self.hyper.heads)])
            state = learned._replace(heads=RankedHeads(learned.heads, losses))
            return state, jax.tree.map(jnp.add, sums, metrics)

        zeros = {name: jnp.zeros(()) for name in ("loss", "training_accuracy")}
        state, sums = jax.lax.fori_loop(0, epochs, one, (state, zeros))
        return state, jax.tree.map(lambda value: value / jnp.maximum(epochs, 1), sums)


def uno(hyper: UNO) -> Method:
    """Minimises the cross-entropy of both views over labelled classes and clusters together, a mean over all heads.

    The target of a labelled sample is its label; of an unlabelled one, the pseudo-label that the other view's cosines
    with the clusters of the same head give among the minibatch's unlabelled samples, without gradient. Heads and
    those with more clusters have half of the weight each.

    Departures from the authors' code: there both kinds of heads have a weight of 1, features are unit vectors before
    the projection, its hidden layer has batch normalisation, and the learning rate warms up over ten epochs and ends
    at 0.001.
    """
    trained = Trained(hyper.network.build(), hyper.optimizer.build(), hyper.learned, hyper.others, hyper.batch_size)
    parts = Parts(hyper, trained, hyper.augment.build())
    method = headed(trained, parts.heads_of, parts.fit, parts.scores_of, adopt)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> HeadedState:
        state = method.init(key, pool, classes)
        return state._replace(heads=RankedHeads(state.heads, jnp.zeros(hyper.heads)))

    return method._replace(init=init)


def _loss_of(head: int) -> str:
    return f"loss of head {head}"


def _cluster_head(key: Key[Array, ""], size: int, projection: int | None, clusters: int) -> ClusterHeads:
    """One head before training, for features of a size; without an axis of heads."""
    if projection is None:
        return ClusterHeads(None, linear(stream(key, "prototypes"), size, clusters).weight)
    inner = 8 * projection
    layers = (
        linear(stream(key, "inner projection"), size, inner),
        linear(stream(key, "projection"), inner, projection),
    )
    return ClusterHeads(layers, linear(stream(key, "prototypes"), projection, clusters).weight)


def _cosines(x: Float[Array, "b p"], prototypes: Float[Array, "p k"]) -> Float[Array, "b k"]:
    return unit(x) @ unit(prototypes.T).T


def _of_clusters(head: Any, features: Float[Array, "b e"]) -> Float[Array, "b k"]:
    """The cosines with the clusters of one head."""
    if head.projection is not None:
        inner, outer = head.projection
        features = scores(outer, jax.nn.relu(scores(inner, features)))
    return _cosines(features, head.prototypes)


def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
    """The network of the stage before and, where it classified the same classes, its class weights as prototypes."""
    del key
    state = taken_over(state, earlier)
    weights, learned = getattr(earlier, "weights", None), state.heads.learned
    if weights is None or weights.shape != learned.old.shape:
        return state
    return state._replace(heads=state.heads._replace(learned=learned._replace(old=weights)))
