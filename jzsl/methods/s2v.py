"""S2V: class semantics are mapped into feature space, and the nearest mapped class wins (STHS, a simplified DEM)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.classifiers.prototype import nearest, negative_distance
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.nets.semantic_projector import projector
from jzsl.training.descent import descend, per_valid
from jzsl.training.minibatch import labelled, minibatch
from jzsl.types import ClassTable, Embedding, LinearHead, Metrics, Pool


@dataclass(frozen=True)
class S2V:
    """Semantic-to-visual regression; the defaults are STHS's for AWA2."""

    hidden: int = 1600
    """nodes of the hidden layer (1200 on CUB)"""
    learning_rate: float = 1e-3
    """of Adam (5e-4 on CUB)"""
    l2: float = 1e-3
    """factor of the squared weights' half in the loss"""
    batch_size: int = 128
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "hidden", "learning_rate", "batch_size")
        if not self.l2 >= 0:
            raise InputError(f"l2: {self.l2} found, expected zero or more")

    def build(self, task: Task) -> Method:
        del task  # the same prototypes serve both tasks
        return s2v(self)


class S2VState(NamedTuple):
    """Network parameters, Adam's moments, base key and epochs done."""

    params: Any
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


def s2v(hyper: S2V) -> Method:
    """Minimises ||x - f(s)||^2, averaged over samples, between a sample and its class's mapped semantics.

    Neither the STHS paper nor public code says how the error is scaled against the L2 term. With DEM's mean over
    the d features an L2 factor of 1e-3 outweighs the error and maps all classes to one point (caltech101: T1 at
    chance after six epochs), so the error is the sum. Entries that are not observed do not count.
    """
    optimizer = optax.chain(optax.add_decayed_weights(hyper.l2), optax.adam(hyper.learning_rate))

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> S2VState:
        net = projector(pool.x.shape[1], hyper.hidden)
        params = net.init(stream(key, "parameters"), jnp.asarray(classes.required_semantics[0]))
        return S2VState(params, optimizer.init(params), key, jnp.int32(0))

    def fit(
        state: S2VState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[S2VState, Metrics]:
        pool = labelled(pool)
        net = projector(pool.x.shape[1], hyper.hidden)

        def loss(params, key, indices, valid):
            del key
            x, observed, y = minibatch(pool, indices)
            residual = x - net.apply(params, classes.required_semantics[y])
            if observed is not None:
                residual = jnp.where(observed, residual, 0.0)
            total = jnp.sum(valid * jnp.sum(residual**2, -1)) / hyper.batch_size
            return total, per_valid(total, valid, hyper.batch_size)

        key = stream(state.key, "training")
        params, moments, metrics = descend(
            loss, optimizer, state.params, state.optimizer, key, pool.w, state.epoch, epochs, hyper.batch_size
        )
        return S2VState(params, moments, state.key, state.epoch + epochs), metrics

    def predictor(state: S2VState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Float[Array, "c d"]:
        del unseen
        return projector(pool.x.shape[1], hyper.hidden).apply(state.params, classes.required_semantics)

    def logits(
        prototypes: Float[Array, "c d"], x: Float[Array, "m d"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        centre = prototypes.mean(0)
        return negative_distance(x, centre, prototypes[candidates] - centre)

    def embedding(prototypes: Float[Array, "c d"], x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, prototypes[candidates])

    def head(prototypes: Float[Array, "c d"], candidates: Int[Array, " k"]) -> LinearHead:
        centre = prototypes.mean(0)
        return nearest(centre, prototypes[candidates] - centre)

    return Method(init, fit, predictor, logits, embedding=embedding, head=head, batch_size=hyper.batch_size)
