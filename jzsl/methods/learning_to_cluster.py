"""KCL and MCL: a similarity learned from labelled pairs says which unlabelled samples are of one class.

Hsu et al., 2018, Learning to cluster in order to transfer across domains and tasks; Hsu et al., 2019, Multi-class
classification without multi-class labels. They differ in the loss of pairs alone.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
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
from jzsl.methods.pair_similarity import PairLearning, SimilarityNetwork, pair_head
from jzsl.nets.network import BatchNormPolicy, NetworkConfig, Variables
from jzsl.nets.resnet import ResNet
from jzsl.training.augment.augment import Augment, AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.minibatch import labelled
from jzsl.training.network_descent import Position
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.pair_losses.kcl import KCL
from jzsl.training.pair_losses.pair_loss import PairLoss, PairLossConfig
from jzsl.training.rates.step_decay import StepDecay
from jzsl.training.similarities.similarity import of_valid
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
        similarity: how it is learned.
    """

    hyper: LearningToCluster
    trained: Trained
    augment: Augment
    pair_loss: PairLoss
    similarity: PairLearning

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
        similarity = self.similarity.taught(key, state.heads.similarity, known, classes, now)
        clusters, metrics = train(
            self.trained,
            partial(self.loss, similarity),
            state._replace(heads=state.heads.clusters),
            pool._replace(w=of_unlabelled(pool)),
            classes,
            epochs,
            total,
        )
        metrics |= self.similarity.quality(stream(key, "quality"), similarity, known)
        return clusters._replace(heads=ClusterHeads(clusters.heads, similarity)), metrics

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
        same = of_valid(self.similarity.probabilities(similarity, views[0]) > self.hyper.threshold, valid)
        loss = self.pair_loss(p[0], p[1], same, valid[:, None] * valid)
        return loss, (variables, {"loss": loss, "pair_loss": loss, "connected": connected(same, valid)})


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

    similarity = PairLearning(trained, augment, hyper.similarity_epochs, hyper.threshold)
    method = headed(trained, heads_of, Parts(hyper, trained, augment, pair_loss, similarity).fit, scores_of, adopt)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> HeadedState:
        state = method.init(key, pool, classes)
        head = pair_head(stream(key, "similarity"), len(state.heads.weight), hyper.similarity_hidden)
        return state._replace(heads=ClusterHeads(state.heads, SimilarityNetwork(state.variables, head)))

    def predictor(state: HeadedState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> HeadedPredictor:
        return method.predictor(state._replace(heads=state.heads.clusters), pool, classes, unseen)

    return method._replace(init=init, predictor=predictor, whole_pool=True, needs_labelled=True)


def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
    """Both networks with the variables of the stage before."""
    del key
    state = taken_over(state, earlier)
    similarity = state.heads.similarity._replace(variables=state.variables)
    return state._replace(heads=state.heads._replace(similarity=similarity))
