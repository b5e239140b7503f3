"""A probe: a simple classifier of the features of a network that stays as it is, to measure how good they are."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.classifiers.softmax import Softmax
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import ClassifierConfig, Method, Task
from jzsl.keys import stream
from jzsl.nets.in_blocks import IMAGES, pooled_features
from jzsl.nets.network import NetworkConfig, Variables
from jzsl.nets.resnet import ResNet
from jzsl.training.minibatch import first_image, labelled
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class Probe:
    """A classifier of the pooled features of a network: a random one, or the one of the stage before."""

    network: NetworkConfig = ResNet()
    """images to features; after a stage, the network of that stage"""
    classifier: ClassifierConfig = Softmax(epochs=100, learning_rate=1e-2, batch_size=256)
    """of the features: Softmax (the linear probe), KNN, Prototype"""
    block: str | None = None
    """the block whose pooled output the features are, such as stage2_block1; None: the network's features"""
    standardised: bool = True
    """whether each feature is shifted and scaled to mean 0 and variance 1 over labelled samples. A linear map of the
    features could undo it, but the steps that a classifier takes and cosines depend on the scale, which is a matter of
    initial weights in random networks and says nothing about classes"""
    images_per_block: int = IMAGES
    """images whose features are computed together"""

    def __post_init__(self):
        require_positive(self, "images_per_block")

    def build(self, task: Task) -> Method:
        if task.unseen:
            raise InputError(f"method: Probe knows no unseen class, so it has no answer to the task {task.name}")
        return probe(self)


class ProbeState(NamedTuple):
    """The network's variables and the base key."""

    variables: Variables
    key: Key[Array, ""]


class Standard(NamedTuple):
    """Features become (x - mean) / deviation."""

    mean: Float[Array, " e"]
    deviation: Float[Array, " e"]


class ProbePredictor(NamedTuple):
    """The network's variables, how its features are standardised, and the classifier's parameters."""

    variables: Variables
    standard: Standard | None
    classifier: Any


def probe(hyper: Probe) -> Method:
    """The predictor trains the classifier on the features of labelled samples; `fit` has nothing to change.

    The predictor reads the variables and the key of a state alone: those of any stage do.
    """
    network, classifier = hyper.network.build(), hyper.classifier.build()
    if hyper.block is not None and hyper.block not in network.blocks:
        raise InputError(f"block: {hyper.block!r} found, expected one of {', '.join(network.blocks)}")

    def features(variables, x):
        return pooled_features(network, variables, x, hyper.block, hyper.images_per_block)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ProbeState:
        del classes
        return ProbeState(network.init(stream(key, "parameters"), first_image(pool)), key)

    def fit(
        state: ProbeState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[ProbeState, Metrics]:
        del pool, classes, epochs, total
        return state, {}

    def predictor(state: Any, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> ProbePredictor:
        del unseen
        pool = labelled(pool)
        x = features(state.variables, pool.x)
        standard = standard_of(x, jnp.asarray(pool.w)) if hyper.standardised else None
        key = stream(state.key, "classifier")
        trained = classifier.fit(key, _standardised(standard, x), pool.y, pool.w, classes)
        return ProbePredictor(state.variables, standard, trained)

    def logits(trained: ProbePredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Float[Array, "m k"]:
        inputs = _standardised(trained.standard, features(trained.variables, x))
        return classifier.logits(trained.classifier, inputs, candidates)

    def embedding(trained: ProbePredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Embedding:
        assert classifier.embedding is not None
        inputs = _standardised(trained.standard, features(trained.variables, x))
        return classifier.embedding(trained.classifier, inputs, candidates)

    def adopt(key: Key[Array, ""], state: ProbeState, earlier: Any) -> ProbeState:
        del key
        return state._replace(variables=earlier.variables)

    return Method(
        init,
        fit,
        predictor,
        logits,
        embedding=None if classifier.embedding is None else embedding,
        adopt=adopt,
        takes_images=True,
        whole_pool=True,
        closed_form=True,
        pretraining=network.pretraining,
    )


def standard_of(x: Float[Array, "n e"], w: Int[Array, " n"]) -> Standard:
    """Mean and standard deviation of each feature, samples weighted by w; a constant feature keeps its scale."""
    share = (w / jnp.maximum(jnp.sum(w), 1)).astype(x.dtype)
    present = jnp.where(w[:, None] > 0, x, 0.0)
    mean = jnp.matmul(share, present, precision="highest")
    variance = jnp.matmul(share, jnp.where(w[:, None] > 0, (x - mean) ** 2, 0.0), precision="highest")
    return Standard(mean, jnp.where(variance > 1e-12, jnp.sqrt(variance), 1.0))


def _standardised(standard: Standard | None, x: Float[Array, "n e"]) -> Float[Array, "n e"]:
    return x if standard is None else (x - standard.mean) / standard.deviation
