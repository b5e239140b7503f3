"""AutoNovel: new classes by ranking statistics (Han et al., 2020; low-supervision thesis, chapter 6).

Its joint training; the stages before it are RotNet on all samples and ImageClassifier on labelled ones.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.headed import (
    HeadedState,
    Trained,
    connected,
    cross_entropy,
    fit_by,
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
from jzsl.training.consistency.consistency import ConsistencyConfig, Views
from jzsl.training.consistency.every_sample import EverySample
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.pair_losses.binary_cross_entropy import BinaryCrossEntropy
from jzsl.training.pair_losses.pair_loss import PairLossConfig
from jzsl.training.rates.ramp_up import RampUp
from jzsl.training.rates.rate import RateConfig
from jzsl.training.rates.step_decay import StepDecay
from jzsl.training.similarities.ranking_statistics import RankingStatistics
from jzsl.training.similarities.similarity import SimilarityConfig
from jzsl.types import ClassTable

LOWER_BIAS = 1.0
"""How far the biases of clusters in the incremental head start below the smallest one of labelled classes."""


@dataclass(frozen=True)
class AutoNovel:
    """Cross-entropy on labelled samples, a loss of pairs on unlabelled ones, consistency of two views on both.

    By default as for CIFAR-10 in the thesis, where its code is followed for what the text leaves open.
    """

    network: NetworkConfig = ResNet()
    """samples to features, which are not negative; after a stage, the network of that stage"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """makes the views of a sample"""
    augment_first: bool = True
    """whether it makes the first view, too, as in the code; else that is the sample itself, as in the text"""
    similarity: SimilarityConfig = RankingStatistics()
    """which unlabelled samples are taken to be of one class: RankingStatistics, Cosine, NearestNeighbours"""
    pair_loss: PairLossConfig = BinaryCrossEntropy()
    """of the new head's predictions for pairs: BinaryCrossEntropy, KCL"""
    consistency: ConsistencyConfig = EverySample()
    """of the predictions for the two views: EverySample (the code's), OwnSamples (equation 4)"""
    labelled_weight: float = 1.0
    """of the cross-entropy"""
    pair_weight: float = 1.0
    """of the loss of pairs"""
    consistency_weight: float = 5.0
    """lambda, of the consistency"""
    ramp: RateConfig = RampUp(0.25)
    """factor of lambda and of the incremental head's weight, over the training"""
    incremental: bool = False
    """whether the old head learns the clusters, too, from the new head's pseudo-labels, and scores them"""
    incremental_weight: float = 0.05
    """of that cross-entropy"""
    optimizer: OptimizerConfig = SGD(0.1, l2=1e-4, rate=StepDecay((0.85,), 0.1))
    """SGD, Adam, with a schedule of the learning rate"""
    learned: tuple[str, ...] | None = ("stage4",)
    """blocks of the network that learn, by how their names start; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.frozen_affine
    """batch normalisation in the other blocks; frozen_affine as in the code"""
    batch_size: int = 128
    """samples of a minibatch at most, labelled and unlabelled ones as they come; an epoch is divided evenly"""

    def __post_init__(self):
        require_positive(self, "batch_size")
        for name in ("labelled_weight", "pair_weight", "consistency_weight", "incremental_weight"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}: {getattr(self, name)} found, expected zero or more")

    def build(self, task: Task) -> Method:
        require_clusters(task, "AutoNovel")
        return autonovel(self)


class AutoNovelHeads(NamedTuple):
    """The heads on the features.

    Attributes:
        old: of all classes of the table, of which labelled ones count.
        new: of the clusters.
        extra: of the clusters in the incremental head, beside the labelled classes of `old`; None without one.
    """

    old: Linear
    new: Linear
    extra: Linear | None


def autonovel(hyper: AutoNovel) -> Method:
    """Minimises L = L_CE + L_BCE + omega(t) L_MSE (equation 5), each of them a mean over a minibatch.

    Pairs are those of the unlabelled samples of a minibatch, in both orders and each with itself; the first of a pair
    is seen in the first view, the second one in the second, and targets come from features of the first view, without
    gradient. With the incremental head L_CE gains the cross-entropy of unlabelled samples by pseudo-labels of the new
    head, by a ramp (section 2.5).

    Predictions: without the incremental head, log-probabilities of each head, which say which class of its own fits
    best; that they compare classes of both is a convention. With it, its scores of all classes.
    """
    augment, similarity = hyper.augment.build(), hyper.similarity.build()
    pair_loss, consistency, ramp = hyper.pair_loss.build(), hyper.consistency.build(), hyper.ramp.build()

    def view_of(key: Key[Array, ""], x: Float[Array, "b *s"], number: int) -> Float[Array, "b *s"]:
        return x if number == 0 and not hyper.augment_first else augment(key, x)

    def heads_of(key: Key[Array, ""], size: int, classes: ClassTable) -> AutoNovelHeads:
        old, new, extra = (
            linear(stream(key, name), size, count)
            for name, count in (
                ("old", classes.count),
                ("new", len(classes.required_clusters)),
                ("extra", len(classes.required_clusters)),
            )
        )
        extra = extra._replace(bias=jnp.min(old.bias) - LOWER_BIAS + extra.bias)
        return AutoNovelHeads(old, new, extra if hyper.incremental else None)

    def of_old(heads: AutoNovelHeads, features: Float[Array, "b e"], classes: ClassTable) -> Float[Array, "b c"]:
        """Scores of the old head: of labelled classes and, where it is incremental, of clusters."""
        columns = of_seen(scores(heads.old, features), classes.seen)
        return columns if heads.extra is None else columns.at[:, classes.clusters].set(scores(heads.extra, features))

    def loss(heads, variables, embed, key, samples, classes, position):
        valid = samples.labelled + samples.unlabelled
        features, columns, clusters = [], [], []
        for view in range(2):
            x = view_of(stream(key, "augmentation", view), samples.x, view)
            embedded, variables = embed(variables, x, stream(key, "dropout", view), valid)
            features.append(embedded)
            columns.append(of_old(heads, embedded, classes))
            clusters.append(scores(heads.new, embedded))
        same = similarity(jax.lax.stop_gradient(features[0]), samples.unlabelled)
        old, new = ([jax.nn.softmax(part) for part in parts] for parts in (columns, clusters))
        count = jnp.sum(jnp.asarray(classes.seen)) + (clusters[0].shape[1] if hyper.incremental else 0)

        entropy = cross_entropy(columns[0], samples.y, samples.labelled)
        of_pairs = pair_loss(new[0], new[1], same, samples.unlabelled[:, None] * samples.unlabelled)
        between_views = consistency(
            Views(old[0], old[1], jnp.maximum(count, 1)),
            Views(new[0], new[1], new[0].shape[1]),
            samples.labelled,
            samples.unlabelled,
        )
        weight = ramp(position.share)
        total = hyper.labelled_weight * entropy + hyper.pair_weight * of_pairs
        total += hyper.consistency_weight * weight * between_views
        metrics = {
            "cross_entropy": entropy,
            "pair_loss": of_pairs,
            "consistency": between_views,
            "connected": connected(same, samples.unlabelled),
            "training_accuracy": mean((jnp.argmax(columns[0], 1) == samples.y).astype(jnp.float32), samples.labelled),
        }
        if hyper.incremental:
            pseudo = jnp.asarray(classes.clusters)[jnp.argmax(new[0], 1)]
            of_pseudo = cross_entropy(columns[0], pseudo, samples.unlabelled)
            total += hyper.incremental_weight * weight * of_pseudo
            metrics["pseudo_label_entropy"] = of_pseudo
        return total, (variables, {"loss": total, **metrics})

    def scores_of(heads: AutoNovelHeads, features: Float[Array, "m e"], classes: ClassTable) -> Float[Array, "m c"]:
        columns = of_old(heads, features, classes)
        if heads.extra is not None:
            return columns
        new = jax.nn.log_softmax(scores(heads.new, features))
        return of_seen(jax.nn.log_softmax(columns), classes.seen).at[:, classes.clusters].set(new)

    trained = Trained(hyper.network.build(), hyper.optimizer.build(), hyper.learned, hyper.others, hyper.batch_size)
    return headed(trained, heads_of, fit_by(trained, loss), scores_of, adopt)


def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
    """The network of the stage before and, where it classified the same classes, its class weights for the old head."""
    del key
    state = taken_over(state, earlier)
    old, weights = state.heads.old, getattr(earlier, "weights", None)
    if weights is None or weights.shape != old.weight.shape:
        return state
    return state._replace(heads=state.heads._replace(old=old._replace(weight=weights)))
