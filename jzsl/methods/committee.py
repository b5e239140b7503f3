"""A committee: several methods vote by their averaged scores, each on a scale of its own."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, MethodConfig, Task
from jzsl.keys import stream
from jzsl.methods.exem import EXEM
from jzsl.methods.kernel_ridge import RBF
from jzsl.methods.reverse_exem import ReverseEXEM
from jzsl.types import ClassTable, Metrics, Pool

_REFERENCE = 1024
"""Samples of the pool on which a member's scale is measured."""


@dataclass(frozen=True)
class Committee:
    """Several methods, whose standardised scores are averaged."""

    members: tuple[MethodConfig, ...] = (EXEM(RBF(0.5), 0.3), ReverseEXEM(RBF(), 0.3))
    """the methods"""
    sharpness: float = 1.5
    """factor of the averaged scores, for what takes scores as logits"""

    def __post_init__(self):
        require_positive(self, "sharpness")
        if not self.members:
            raise InputError("members: none found, expected at least one method")

    def build(self, task: Task) -> Method:
        return committee(tuple(member.build(task) for member in self.members), self.sharpness)


class CommitteeState(NamedTuple):
    """The state of each member."""

    members: tuple[Any, ...]


class CommitteePredictor(NamedTuple):
    """The predictor of each member, and the standard deviation of its scores."""

    members: tuple[Any, ...]
    deviation: Float[Array, " r"]


class Votes(NamedTuple):
    """The members of a committee, and its functions; see `committee`."""

    members: tuple[Method, ...]
    sharpness: float

    def init(self, key: Key[Array, ""], pool: Pool, classes: ClassTable) -> CommitteeState:
        """The state before training."""
        return CommitteeState(
            tuple(
                member.init(stream(key, "member", number), pool, classes) for number, member in enumerate(self.members)
            )
        )

    def fit(
        self,
        state: CommitteeState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[CommitteeState, Metrics]:
        """Trains every member further; metrics have the member's number in their names."""
        fitted = [
            member.fit(of_member, pool, classes, epochs, total)
            for member, of_member in zip(self.members, state.members, strict=True)
        ]
        metrics = {f"{name}_{r}": value for r, (_, of_r) in enumerate(fitted) for name, value in of_r.items()}
        loss = jnp.mean(jnp.stack([of_r["loss"] for _, of_r in fitted]))
        return CommitteeState(tuple(trained for trained, _ in fitted)), {"loss": loss, **metrics}

    def predictor(
        self, state: CommitteeState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]
    ) -> CommitteePredictor:
        """The members' predictors, and the scale of each one's scores of unseen classes."""
        made = tuple(
            member.predictor(of_member, pool, classes, unseen)
            for member, of_member in zip(self.members, state.members, strict=True)
        )
        chosen, valid = _spread(pool)
        x = jnp.asarray(pool.x)[chosen]
        x = x if x.dtype == jnp.uint8 else x.astype(jnp.float32)
        deviation = [
            _deviation(member.logits(of_member, x, unseen), valid)
            for member, of_member in zip(self.members, made, strict=True)
        ]
        return CommitteePredictor(made, jnp.stack(deviation))

    def logits(
        self, predictor: CommitteePredictor, x: Float[Array, "m *s"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        """The mean of the members' scores, each in units of its standard deviation, times the sharpness."""
        scores = [
            member.logits(of_member, x, candidates) / deviation
            for member, of_member, deviation in zip(self.members, predictor.members, predictor.deviation, strict=True)
        ]
        return self.sharpness * jnp.mean(jnp.stack(scores), 0)

    def relabel(self, key: Key[Array, ""], state: CommitteeState, changed: Any) -> CommitteeState:
        """Every member's state without any trace of the samples whose label changed."""
        return CommitteeState(
            tuple(
                member.relabel(stream(key, "member", number), of_member, changed)
                for number, (member, of_member) in enumerate(zip(self.members, state.members, strict=True))
            )
        )

    def sample(
        self, key: Key[Array, ""], state: CommitteeState, semantics: Float[Array, "m a"]
    ) -> Float[Array, "m *s"]:
        """Samples of the first member that generates some."""
        number = self.generating
        assert number is not None
        draw = self.members[number].sample
        assert draw is not None
        return draw(key, state.members[number], semantics)

    @property
    def generating(self) -> int | None:
        """The number of the first member that generates samples."""
        return next((number for number, member in enumerate(self.members) if member.sample is not None), None)


def committee(members: tuple[Method, ...], sharpness: float) -> Method:
    """Scores sharpness / R sum_r s_r / sigma_r, an average of log-probabilities up to a term of the sample alone.

    sigma_r is the standard deviation of member r's scores of unseen classes over samples of the pool, labelled or not,
    so that no member outvotes another by its units, and no label is needed. A score of -inf stays: a class that a
    member rules out is out. All members see the same pool; soft labels are taken where all of them take some.
    """
    votes = Votes(members, sharpness)
    return Method(
        votes.init,
        votes.fit,
        votes.predictor,
        votes.logits,
        votes.relabel,
        sample=None if votes.generating is None else votes.sample,
        takes_soft=all(member.takes_soft for member in members),
        takes_images=all(member.takes_images for member in members),
        whole_pool=True,
        batch_size=max((member.batch_size for member in members if member.batch_size is not None), default=None),
        closed_form=all(member.closed_form for member in members),
        needs_unlabelled=next((each.needs_unlabelled for each in members if each.needs_unlabelled is not None), None),
        pretraining=next((member.pretraining for member in members if member.pretraining is not None), None),
    )


def _spread(pool: Pool) -> tuple[Int[Array, " r"], Bool[Array, " r"]]:
    """Indices of samples evenly spaced over the pool's, each as often as its multiplicity, and which of them count."""
    size = min(_REFERENCE, len(pool.x))
    until = jnp.cumsum(jnp.asarray(pool.w))
    step, rest = jnp.maximum(until[-1] // size, 1), jnp.where(until[-1] > size, until[-1] % size, 0)
    number = jnp.arange(size)
    position = number * step + number * rest // size
    chosen = jnp.searchsorted(until, position, side="right")
    return jnp.minimum(chosen, len(pool.x) - 1), position < until[-1]


def _deviation(scores: Float[Array, "m k"], valid: Bool[Array, " m"]) -> Float[Array, ""]:
    """The standard deviation of the finite scores of the valid samples; 1 where they differ by rounding alone."""
    use = valid[:, None] & jnp.isfinite(scores)
    count = jnp.maximum(jnp.sum(use), 1)
    mean = jnp.sum(jnp.where(use, scores, 0.0)) / count
    deviation = jnp.sqrt(jnp.sum(jnp.where(use, scores - mean, 0.0) ** 2) / count)
    return jnp.where(deviation > 1e-6 * jnp.max(jnp.where(use, jnp.abs(scores), 0.0)), deviation, 1.0)
