"""KCL and MCL: a similarity learned from labelled pairs says which unlabelled samples are of one class.

Hsu et al., 2018, Learning to cluster in order to transfer across domains and tasks; Hsu et al., 2019, Multi-class
classification without multi-class labels. They differ in the loss of pairs alone.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.headed import (
    NONE,
    Embed,
    HeadedPredictor,
    HeadedState,
    Samples,
    Trained,
    connected,
    headed,
    linear,
    of_unlabelled,
    require_clusters,
    scores,
    taken_over,
    train,
)
from jzsl.nets.network import BatchNormPolicy, NetworkConfig, Variables, learned_blocks, split
from jzsl.nets.resnet import ResNet
from jzsl.training.augment.augment import Augment, AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.epochs import epoch_order
from jzsl.training.minibatch import labelled, minibatch
from jzsl.training.network_descent import Position
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.pair_losses.kcl import KCL
from jzsl.training.pair_losses.pair_loss import PairLoss, PairLossConfig, mean_over
from jzsl.training.rates.step_decay import StepDecay
from jzsl.training.similarities.similarity import of_valid, others
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class LearningToCluster:
    """A loss of unlabelled pairs, whose targets are predicted by a network that was trained on labelled pairs before.

    By default KCL, with the optimizer and the size of minibatches of the authors' code, and its schedules for Omniglot
    as far as the departures of `learning_to_cluster` allow. The clusters are learned from unlabelled samples alone.
    """

    network: NetworkConfig = ResNet()
    """samples to features, of the similarity and of the clusters each; after a stage, the network of that stage"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """makes the views of a sample"""
    augment_first: bool = True
    """whether it makes the first view, too; else that is the sample itself"""
    pair_loss: PairLossConfig = KCL()
    """of the predictions for pairs: KCL, BinaryCrossEntropy (the meta classification likelihood of MCL)"""
    similarity_epochs: int = 50
    """passes over the labelled samples, from which the similarity is learned before the first epoch"""
    similarity_hidden: int = 512
    """units of the hidden layer that compares the features of a pair"""
    threshold: float = 0.5
    """probability of being of one class above which a pair is taken to be"""
    optimizer: OptimizerConfig = Adam(1e-3, rate=StepDecay((2 / 3,), 0.1))
    """SGD, Adam, with a schedule of the learning rate; of both trainings"""
    learned: tuple[str, ...] | None = None
    """blocks of the network that learn in both trainings, by how their names start; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.frozen_affine
    """batch normalisation in the other blocks"""
    batch_size: int = 100
    """samples of a minibatch at most; an epoch is divided evenly"""

    def __post_init__(self):
        require_positive(self, "similarity_epochs", "similarity_hidden", "batch_size")
        if not 0 < self.threshold < 1:
            raise InputError(f"threshold: {self.threshold} found, expected a probability between 0 and 1")

    def build(self, task: Task) -> Method:
        require_clusters(task, "LearningToCluster")
        return learning_to_cluster(self)


class PairHead(NamedTuple):
    """Scores how much an ordered pair is of one class, from both features in one vector: one hidden layer, ReLU."""

    hidden: Linear
    score: Linear


class SimilarityNetwork(NamedTuple):
    """The network that says which samples are of one class; it is fixed after it has learned labelled pairs."""

    variables: Variables
    head: PairHead


class ClusterHeads(NamedTuple):
    """The scores of the clusters, which learn, and the similarity that teaches them, which does not."""

    clusters: Linear
    similarity: SimilarityNetwork


class Parts(NamedTuple):
    """What the method is made of, and its functions; see `learning_to_cluster`.

    Attributes:
        hyper: the settings.
        trained: the network and how it learns, in both trainings.
        augment: makes a view of samples.
        pair_loss: of the predictions for pairs.
        method: of the clusters alone, without the similarity.
    """

    hyper: LearningToCluster
    trained: Trained
    augment: Augment
    pair_loss: PairLoss
    method: Method

    def init(self, key: Key[Array, ""], pool: Pool, classes: ClassTable) -> HeadedState:
        """The state before training; both networks start from the same variables."""
        state = self.method.init(key, pool, classes)
        head = pair_head(stream(key, "similarity"), len(state.heads.weight), self.hyper.similarity_hidden)
        return state._replace(heads=ClusterHeads(state.heads, SimilarityNetwork(state.variables, head)))

    def fit(
        self,
        state: HeadedState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[HeadedState, Metrics]:
        """Learns the similarity, where no epoch is done yet, and then the clusters."""
        known, key = labelled(pool), stream(state.key, "similarity")
        now = jnp.where((state.epoch == 0) & (jnp.asarray(epochs) > 0), self.hyper.similarity_epochs, 0)
        similarity = self.taught(key, state.heads.similarity, known, classes, now)
        clusters, metrics = train(
            self.trained,
            partial(self.loss, similarity),
            state._replace(heads=state.heads.clusters),
            pool._replace(w=of_unlabelled(pool)),
            classes,
            epochs,
            total,
        )
        metrics |= self.quality(stream(key, "quality"), similarity, known)
        return clusters._replace(heads=ClusterHeads(clusters.heads, similarity)), metrics

    def taught(
        self,
        key: Key[Array, ""],
        similarity: SimilarityNetwork,
        known: Pool,
        classes: ClassTable,
        epochs: Int[Array, ""],
    ) -> SimilarityNetwork:
        """The similarity after so many epochs of labelled pairs; as it is after none."""
        variables, head = similarity
        learned = learned_blocks(self.trained.network, self.trained.learned)
        moments = self.trained.optimizer.init((split(variables["params"], learned)[0], head))
        state = HeadedState(variables, head, moments, key, jnp.int32(0))
        state, _ = train(
            self.trained, self.similarity_loss, state, known, classes, epochs, self.hyper.similarity_epochs
        )
        return SimilarityNetwork(state.variables, state.heads)

    def similarity_loss(
        self,
        head: PairHead,
        variables: Variables,
        embed: Embed,
        key: Key[Array, ""],
        samples: Samples,
        classes: ClassTable,
        position: Position,
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """Binary cross-entropy of all ordered pairs of labelled samples, each with itself, too."""
        del classes, position
        x = self.augment(stream(key, "augmentation"), samples.x)
        features, variables = embed(variables, x, stream(key, "dropout"), samples.labelled)
        same = (samples.y[:, None] == samples.y).astype(jnp.float32)
        losses = optax.sigmoid_binary_cross_entropy(pair_scores(head, features), same)
        loss = mean_over(samples.labelled[:, None] * samples.labelled, losses)
        return loss, (variables, {"loss": loss})

    def probabilities(self, similarity: SimilarityNetwork, x: Float[Array, "b *s"]) -> Float[Array, "b b"]:
        """That the samples of a pair are of one class, by running statistics."""
        outputs, _ = self.trained.network.apply(similarity.variables, x, BatchNormPolicy.running, None)
        return jax.nn.sigmoid(pair_scores(similarity.head, outputs.features))

    def quality(self, key: Key[Array, ""], similarity: SimilarityNetwork, known: Pool) -> Metrics:
        """Accuracy, precision and recall of the similarity for pairs of a minibatch of the labelled samples."""
        order, used = epoch_order(key, known.w)
        indices = order[: self.trained.batch_size]
        x, _, y = minibatch(known, indices)
        counts = others(jnp.arange(len(indices)) < used)
        connected = (self.probabilities(similarity, x) > self.hyper.threshold) & counts
        same = (y[:, None] == y) & counts
        right = jnp.sum(connected & same)
        return {
            "similarity_accuracy": jnp.sum((connected == same) & counts) / jnp.maximum(jnp.sum(counts), 1),
            "similarity_precision": right / jnp.maximum(jnp.sum(connected), 1),
            "similarity_recall": right / jnp.maximum(jnp.sum(same), 1),
        }

    def loss(
        self,
        similarity: SimilarityNetwork,
        clusters: Linear,
        variables: Variables,
        embed: Embed,
        key: Key[Array, ""],
        samples: Samples,
        classes: ClassTable,
        position: Position,
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """The loss of all ordered pairs of unlabelled samples, each with itself, too."""
        del classes, position
        valid, p, views = samples.unlabelled, [], []
        for view in range(2):
            plain = view == 0 and not self.hyper.augment_first
            x = samples.x if plain else self.augment(stream(key, "augmentation", view), samples.x)
            features, variables = embed(variables, x, stream(key, "dropout", view), valid)
            views.append(x)
            p.append(jax.nn.softmax(scores(clusters, features)))
        same = of_valid(self.probabilities(similarity, views[0]) > self.hyper.threshold, valid)
        loss = self.pair_loss(p[0], p[1], same, valid[:, None] * valid)
        return loss, (variables, {"loss": loss, "pair_loss": loss, "connected": connected(same, valid)})

    def predictor(self, state: HeadedState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> HeadedPredictor:
        """Of the clusters; the similarity has no part in it."""
        return self.method.predictor(state._replace(heads=state.heads.clusters), pool, classes, unseen)


def learning_to_cluster(hyper: LearningToCluster) -> Method:
    """Minimises the loss of unlabelled pairs, whose binary targets are those of a similarity learned before.

    The similarity is a network of its own with a head on pairs of features, trained by binary cross-entropy on
    labelled pairs. Its targets come from the first view, by running statistics, without gradient; each sample is
    connected with itself. The first sample of a pair is seen in the first view, the second one in the second.

    Metrics: the loss, the share of unlabelled pairs that are connected, and accuracy, precision and recall of the
    similarity for labelled pairs, which it has learned.

    Departures from the authors' code (github.com/GT-RIPL/L2C): there a pair is of one view; minibatches of labelled
    samples hold some classes alone where there are many, so that more pairs are of one class; the pairs' hidden layer
    has batch normalisation and four times as many units as there are features; the learning rate of the similarity
    falls twice, after 3/5 and 4/5 of its epochs; and the fixed similarity normalises by the minibatch.
    """
    augment, pair_loss = hyper.augment.build(), hyper.pair_loss.build()
    trained = Trained(hyper.network.build(), hyper.optimizer.build(), hyper.learned, hyper.others, hyper.batch_size)

    def heads_of(key: Key[Array, ""], size: int, classes: ClassTable) -> Linear:
        return linear(stream(key, "clusters"), size, len(classes.required_clusters))

    def scores_of(clusters: Linear, features: Float[Array, "m e"], classes: ClassTable) -> Float[Array, "m c"]:
        columns = jnp.full((len(features), classes.count), NONE)
        return columns.at[:, classes.clusters].set(scores(clusters, features))

    def untaught(*arguments):
        raise NotImplementedError("the loss needs a similarity")

    method = headed(trained, heads_of, untaught, scores_of, adopt)
    parts = Parts(hyper, trained, augment, pair_loss, method)
    return method._replace(
        init=parts.init, fit=parts.fit, predictor=parts.predictor, whole_pool=True, needs_labelled=True
    )


def pair_head(key: Key[Array, ""], size: int, hidden: int) -> PairHead:
    """The head before training, for features of a size."""
    return PairHead(linear(stream(key, "hidden"), 2 * size, hidden), linear(stream(key, "score"), hidden, 1))


def pair_scores(head: PairHead, features: Float[Array, "b e"]) -> Float[Array, "b b"]:
    """The score of each ordered pair (i, j), from the vector (f_i, f_j).

    The hidden layer's input is f_i W_1 + f_j W_2, so that no array holds the vectors of all pairs. Its activations are
    computed for one i at a time, and anew for the gradient: those of all pairs fill no memory, and on a CPU small
    arrays are far faster.
    """
    size = features.shape[1]
    left = features @ head.hidden.weight[:size] + head.hidden.bias
    right = features @ head.hidden.weight[size:]

    @jax.checkpoint
    def row(of_first: Float[Array, " h"]) -> Float[Array, " b"]:
        return scores(head.score, jax.nn.relu(of_first + right))[:, 0]

    return jax.lax.map(row, left)


def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
    """Both networks with the variables of the stage before."""
    del key
    state = taken_over(state, earlier)
    similarity = state.heads.similarity._replace(variables=state.variables)
    return state._replace(heads=state.heads._replace(similarity=similarity))
