"""LSD-C: linearly separable deep clusters (Rebuffi et al., 2020; low-supervision thesis, chapter 7)."""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.headed import (
    NONE,
    HeadedState,
    Trained,
    connected,
    fit_by,
    headed,
    linear,
    require_clusters,
    scores,
    taken_over,
)
from jzsl.nets.network import BatchNormPolicy, NetworkConfig
from jzsl.nets.resnet import ResNet
from jzsl.packages import PartsIn
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.augment.mixture import MixConfig, Mixture, unmixed
from jzsl.training.augment.ricap import RICAP
from jzsl.training.consistency.consistency import Views
from jzsl.training.consistency.every_sample import over_classes
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.pair_losses.binary_cross_entropy import binary_cross_entropy
from jzsl.training.rates.ramp_up import RampUp
from jzsl.training.rates.rate import RateConfig
from jzsl.training.rates.step_decay import StepDecay
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.similarity import SimilarityConfig
from jzsl.types import ClassTable


@dataclass(frozen=True)
class LSDC:
    """A loss of pairs between samples and composed ones, and consistency of two views.

    By default as for CIFAR-10 in the thesis, where its code is followed for what the text leaves open. It learns from
    unlabelled samples alone.
    """

    network: NetworkConfig = ResNet()
    """samples to features; after a stage, the network of that stage"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """makes the views of a sample"""
    augment_first: bool = True
    """whether it makes the first view, too, as in the code; else that is the sample itself, as in the text"""
    similarity: SimilarityConfig = NearestNeighbours(20)
    """which samples are connected: NearestNeighbours, SymmetricSNE, Cosine, Euclidean, RankingStatistics"""
    on_predictions: bool = False
    """whether predictions before the softmax are compared, instead of features"""
    mix: Annotated[MixConfig | None, PartsIn("jzsl.training.augment")] = RICAP(keep_large=True)
    """composes samples: RICAP, MixUp (better with an l2 of 1e-4), CutMix; vectors need MixUp; None: they stay single"""
    consistency_weight: float = 5.0
    """lambda, of the consistency"""
    consistency_of_composed: bool = True
    """whether consistency compares both views composed, as the code does; else uncomposed (equation 8)"""
    ramp: RateConfig = RampUp(100 / 220)
    """factor of lambda over the training"""
    hidden: int | None = None
    """units of a hidden layer in the head, so that clusters need not be linearly separable; None: a linear head"""
    optimizer: OptimizerConfig = SGD(0.1, l2=5e-4, rate=StepDecay((140 / 220, 180 / 220), 0.1))
    """SGD, Adam, with a schedule of the learning rate"""
    learned: tuple[str, ...] | None = ("stage4",)
    """blocks of the network that learn, by how their names start; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.frozen_affine
    """batch normalisation in the other blocks; frozen_affine as in the code"""
    batch_size: int = 256
    """samples of a minibatch at most; an epoch is divided evenly"""

    def __post_init__(self):
        require_positive(self, "batch_size")
        if self.hidden is not None:
            require_positive(self, "hidden")
        if not self.consistency_weight >= 0:
            raise InputError(f"consistency_weight: {self.consistency_weight} found, expected zero or more")

    def build(self, task: Task) -> Method:
        require_clusters(task, "LSDC")
        return lsd_c(self)


class LSDCHead(NamedTuple):
    """The head: a hidden layer, where it has one, and scores of the clusters."""

    hidden: Linear | None
    clusters: Linear


def lsd_c(hyper: LSDC) -> Method:
    """Minimises L_clus + omega(t) L_cons (equations 6 to 8), means over pairs and samples of a minibatch.

    A pair is a sample in its first view and a composed sample of second views. Its target is the share of the sources
    that are connected with the first one: a single soft target, as in figure 3; read literally, equation 6 has a term
    for each source, and its negative terms together weigh the number of sources less the target.
    """
    augment, similarity, ramp = hyper.augment.build(), hyper.similarity.build(), hyper.ramp.build()
    mix = None if hyper.mix is None else hyper.mix.build()

    def view_of(key: Key[Array, ""], x: Float[Array, "b *s"], number: int) -> Float[Array, "b *s"]:
        return x if number == 0 and not hyper.augment_first else augment(key, x)

    def heads_of(key: Key[Array, ""], size: int, classes: ClassTable) -> LSDCHead:
        count = len(classes.required_clusters)
        if hyper.hidden is None:
            return LSDCHead(None, linear(stream(key, "clusters"), size, count))
        hidden = linear(stream(key, "hidden"), size, hyper.hidden)
        return LSDCHead(hidden, linear(stream(key, "clusters"), hyper.hidden, count))

    def of_clusters(head: LSDCHead, features: Float[Array, "b e"]) -> Float[Array, "b k"]:
        inner = features if head.hidden is None else jax.nn.relu(scores(head.hidden, features))
        return scores(head.clusters, inner)

    def loss(head, variables, embed, key, samples, classes, position):
        del classes
        valid = samples.unlabelled
        views = [view_of(stream(key, "augmentation", view), samples.x, view) for view in range(2)]

        def predicted(variables, x, number):
            features, variables = embed(variables, x, stream(key, "dropout", number), valid)
            return features, of_clusters(head, features), variables

        features, columns, variables = predicted(variables, views[0], 0)
        first = jax.nn.softmax(columns)
        same = similarity(jax.lax.stop_gradient(columns if hyper.on_predictions else features), valid)
        mixtures = [unmixed(view) if mix is None else mix(stream(key, "mixture"), view, valid) for view in views]
        _, columns, variables = predicted(variables, mixtures[1].images, 1)
        composed = jax.nn.softmax(columns)
        of_pairs = binary_cross_entropy(first, composed, composed_targets(same, mixtures[1]), valid[:, None] * valid)

        if mix is None:
            compared = (first, composed)
        else:
            x = mixtures[0].images if hyper.consistency_of_composed else views[1]
            _, columns, variables = predicted(variables, x, 2)
            third = jax.nn.softmax(columns)
            compared = (third, composed) if hyper.consistency_of_composed else (first, third)
        between_views = over_classes(Views(*compared, first.shape[1]), valid)
        total = of_pairs + hyper.consistency_weight * ramp(position.share) * between_views
        metrics = {
            "loss": total,
            "pair_loss": of_pairs,
            "consistency": between_views,
            "connected": connected(same, valid),
        }
        return total, (variables, metrics)

    def scores_of(head: LSDCHead, features: Float[Array, "m e"], classes: ClassTable) -> Float[Array, "m c"]:
        columns = jnp.full((len(features), classes.count), NONE)
        return columns.at[:, classes.clusters].set(of_clusters(head, features))

    def adopt(key: Key[Array, ""], state: HeadedState, earlier: Any) -> HeadedState:
        del key
        return taken_over(state, earlier)

    trained = Trained(hyper.network.build(), hyper.optimizer.build(), hyper.learned, hyper.others, hyper.batch_size)
    return headed(trained, heads_of, fit_by(trained, loss, labels=False), scores_of, adopt)


def composed_targets(same: Float[Array, "b b"], mixture: Mixture) -> Float[Array, "b b"]:
    """sum_sigma w_sigma A_i,sigma(j): how much of composed sample j is connected with sample i (equation 6)."""
    return mixture.mixed(same.T).T
