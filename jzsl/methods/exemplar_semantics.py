"""Predicted exemplars as class semantics for another method, the authors' second use of EXEM (their section 3.3)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.cosine import unit
from jzsl.errors import InputError
from jzsl.interfaces import Method, MethodConfig, Task
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.exem import EXEM, EXEMState, exem, exemplars
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class ExemplarSemantics:
    """A method that sees each class's predicted exemplar in place of its semantics."""

    method: MethodConfig = ESZSL()
    """the method that learns from the exemplars"""
    exem: EXEM = EXEM()
    """predicts them"""

    def __post_init__(self):
        if getattr(self.method, "needs_unlabelled", False):
            raise InputError(
                f"method: {type(self.method).__name__} found, expected it around ExemplarSemantics, not within"
            )

    def build(self, task: Task) -> Method:
        return exemplar_semantics(self.method.build(task), self.exem)


class ExemplarSemanticsState(NamedTuple):
    """The regression that predicts exemplars, and the method's state."""

    exem: EXEMState
    method: Any


def exemplar_semantics(method: Method, hyper: EXEM) -> Method:
    """The semantics of a class are its exemplar less the seen classes' mean, of unit length.

    They lie in feature space, where classes that look alike are near each other whatever their descriptions say. The
    regression is solved anew whenever the pool has other labels, so pseudo-labels improve the semantics, too.
    """
    regression = exem(hyper)

    def described(state: EXEMState, classes: ClassTable) -> ClassTable:
        return classes._replace(semantics=semantics_of(state, jnp.asarray(classes.required_semantics)))

    def semantics_of(state: EXEMState, semantics: Float[Array, "m a"]) -> Float[Array, "m d"]:
        return unit(exemplars(hyper, state, semantics))

    def solved(pool: Pool, classes: ClassTable, key: Key[Array, ""]) -> EXEMState:
        return regression.fit(regression.init(key, pool, classes), pool, classes, 1, 1)[0]

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ExemplarSemanticsState:
        state = solved(pool, classes, key)
        return ExemplarSemanticsState(state, method.init(key, pool, described(state, classes)))

    def fit(
        state: ExemplarSemanticsState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[ExemplarSemanticsState, Metrics]:
        exemplar, _ = regression.fit(state.exem, pool, classes, 1, 1)
        trained, metrics = method.fit(state.method, pool, described(exemplar, classes), epochs, total)
        return ExemplarSemanticsState(exemplar, trained), metrics

    def predictor(state: ExemplarSemanticsState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Any:
        return method.predictor(state.method, pool, described(state.exem, classes), unseen)

    def relabel(
        key: Key[Array, ""], state: ExemplarSemanticsState, changed: Bool[Array, " n"]
    ) -> ExemplarSemanticsState:
        return state._replace(method=method.relabel(key, state.method, changed))

    def sample(
        key: Key[Array, ""], state: ExemplarSemanticsState, semantics: Float[Array, "m a"]
    ) -> Float[Array, "m *s"]:
        assert method.sample is not None
        return method.sample(key, state.method, semantics_of(state.exem, semantics))

    return method._replace(
        init=init,
        fit=fit,
        predictor=predictor,
        relabel=relabel,
        sample=None if method.sample is None else sample,
        adopt=None,
        whole_pool=True,
    )
