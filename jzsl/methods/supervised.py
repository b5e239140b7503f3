"""A supervised classifier of the classes that have samples: the base of domain adaptation, and of AVH's own studies.

It has no use for class semantics, so it recognises no unseen class.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.losses import LossConfig, SoftmaxLoss
from jzsl.nets.embedding_classifier import embedding_classifier
from jzsl.training.descent import descend, per_valid
from jzsl.training.minibatch import labelled, minibatch
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class Supervised:
    """A hidden layer and class weights, trained by cross-entropy."""

    hidden: int | None = 512
    """size of the embedding; None compares the features themselves with class weights"""
    loss: LossConfig = SoftmaxLoss()
    """the logits whose cross-entropy is minimised: SoftmaxLoss, AVHLoss"""
    learning_rate: float = 1e-3
    """of Adam"""
    l2: float = 1e-4
    """factor of the squared weights' half in the loss"""
    batch_size: int = 128
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "learning_rate", "batch_size")
        if self.hidden is not None:
            require_positive(self, "hidden")
        if not self.l2 >= 0:
            raise InputError(f"l2: {self.l2} found, expected zero or more")

    def build(self, task: Task) -> Method:
        if task.unseen:
            raise InputError(f"method: Supervised knows no unseen class, so it has no answer to the task {task.name}")
        return supervised(self)


class SupervisedState(NamedTuple):
    """Network parameters, Adam's moments, base key and epochs done."""

    params: Any
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


class SupervisedPredictor(NamedTuple):
    """Network parameters, and the number of classes by its length."""

    params: Any
    classes: Float[Array, " c"]


def supervised(hyper: Supervised) -> Method:
    """Minimises -sum_k y_k log p(k | x), y one-hot or a pool's soft labels, summed over a minibatch."""
    optimizer = optax.chain(optax.add_decayed_weights(hyper.l2), optax.adam(hyper.learning_rate))
    logits_of = hyper.loss.build()

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> SupervisedState:
        net = embedding_classifier(classes.count, hyper.hidden)
        params = net.init(stream(key, "parameters"), jnp.asarray(pool.x[0]).astype(jnp.float32))
        return SupervisedState(params, optimizer.init(params), key, jnp.int32(0))

    def fit(
        state: SupervisedState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[SupervisedState, Metrics]:
        pool = labelled(pool)
        count = classes.count
        net = embedding_classifier(count, hyper.hidden)

        def loss(params, key, indices, valid):
            del key
            x, _, y = minibatch(pool, indices)
            target = jax.nn.one_hot(y, count) if pool.soft is None else jnp.asarray(pool.soft)[indices]
            entropy = -jnp.sum(target * jax.nn.log_softmax(logits_of(net.embed(params, x))), -1)
            total = jnp.sum(valid * entropy) / hyper.batch_size
            return total, per_valid(total, valid, hyper.batch_size)

        key = stream(state.key, "training")
        params, moments, metrics = descend(
            loss, optimizer, state.params, state.optimizer, key, pool.w, state.epoch, epochs, hyper.batch_size
        )
        return SupervisedState(params, moments, state.key, state.epoch + epochs), metrics

    def predictor(
        state: SupervisedState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]
    ) -> SupervisedPredictor:
        del pool, unseen
        return SupervisedPredictor(state.params, jnp.zeros(classes.count))

    def embedding(trained: SupervisedPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        embedded = embedding_classifier(len(trained.classes), hyper.hidden).embed(trained.params, x)
        return Embedding(embedded.x, embedded.weights[candidates])

    def logits(
        trained: SupervisedPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        return logits_of(embedding(trained, x, candidates))

    return Method(init, fit, predictor, logits, embedding=embedding, takes_soft=True, batch_size=hyper.batch_size)
