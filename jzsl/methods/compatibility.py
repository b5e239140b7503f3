"""Bilinear compatibility F(x, y) = x'W s_y learned by stochastic gradient: what ALE, DeViSE and SJE share.

They differ in the ranking loss of a sample alone, a function of its hinges h_y = margin + F(x, y) - F(x, y_n) over
the wrong classes y that have samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.training.descent import descend, per_valid
from jzsl.training.minibatch import labelled, minibatch
from jzsl.types import ClassTable, Embedding, LinearHead, Metrics, Pool

RankingLoss = Callable[[Float[Array, "b c"]], Float[Array, " b"]]
"""Hinges, minus infinity where a class does not count, to the loss of each sample."""


@dataclass(frozen=True)
class Ranking:
    """What a bilinear compatibility is trained with, whatever its ranking loss."""

    margin: float = 0.3
    """by how much the right class should score higher, for samples and semantics of unit length"""
    learning_rate: float = 1.0
    """of stochastic gradient descent"""
    batch_size: int = 64
    """samples of a minibatch; the published methods take one at a time"""

    def __post_init__(self):
        require_positive(self, "margin", "learning_rate", "batch_size")


class CompatibilityState(NamedTuple):
    """W, the optimizer's state, base key, epochs done."""

    bilinear: Float[Array, "d a"]
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


def hinges(
    scores: Float[Array, "b c"], y: Int[Array, " b"], present: Bool[Array, " c"], margin: float
) -> Float[Array, "b c"]:
    """margin + F(x, y) - F(x, y_n); minus infinity for the right class and for classes without samples."""
    right = jnp.take_along_axis(scores, y[:, None], 1)
    wrong = present & (jnp.arange(scores.shape[1]) != y[:, None])
    return jnp.where(wrong, margin + scores - right, -jnp.inf)


def compatibility(loss_of: RankingLoss, hyper: Ranking) -> Method:
    """A method from a ranking loss. Samples and semantics have unit length, so the step fits any scale of features.

    The margin's default was set on three folds of caltech101's seen classes, for want of published ones on this scale.
    """
    optimizer = optax.sgd(hyper.learning_rate)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> CompatibilityState:
        shape = (pool.x.shape[1], classes.required_semantics.shape[1])
        bilinear = jax.random.normal(stream(key, "parameters"), shape) / jnp.sqrt(shape[0])
        return CompatibilityState(bilinear, optimizer.init(bilinear), key, jnp.int32(0))

    def fit(
        state: CompatibilityState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[CompatibilityState, Metrics]:
        pool = labelled(pool)
        semantics, count = unit(jnp.asarray(classes.required_semantics)), classes.count
        present = jnp.zeros(count, bool).at[jnp.where(pool.w > 0, pool.y, count)].set(True, mode="drop")

        def loss(bilinear, key, indices, valid):
            del key
            x, _, y = minibatch(pool, indices)
            scores = unit(x) @ bilinear @ semantics.T
            total = jnp.sum(valid * loss_of(hinges(scores, y, present, hyper.margin))) / hyper.batch_size
            return total, per_valid(total, valid, hyper.batch_size)

        key = stream(state.key, "training")
        bilinear, moments, metrics = descend(
            loss, optimizer, state.bilinear, state.optimizer, key, pool.w, state.epoch, epochs, hyper.batch_size
        )
        return CompatibilityState(bilinear, moments, state.key, state.epoch + epochs), metrics

    def predictor(
        state: CompatibilityState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]
    ) -> Float[Array, "d c"]:
        del pool, unseen
        return state.bilinear @ unit(jnp.asarray(classes.required_semantics)).T

    def logits(
        weight: Float[Array, "d c"], x: Float[Array, "m d"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        return unit(x) @ weight[:, candidates]

    def embedding(weight: Float[Array, "d c"], x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, weight[:, candidates].T)

    def head(weight: Float[Array, "d c"], candidates: Int[Array, " k"]) -> LinearHead:
        return LinearHead(weight[:, candidates], jnp.zeros(len(candidates)), unit_rows=True)

    return Method(init, fit, predictor, logits, embedding=embedding, head=head, batch_size=hyper.batch_size)
