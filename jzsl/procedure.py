"""A procedure: what the driver runs, in rounds of epochs. Inductive training is one round, self-training many."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Int, Key, Shaped

from jzsl.interfaces import Fit, Method
from jzsl.types import Candidates, ClassTable, Metrics, Pool, State


@runtime_checkable
class InitProcedure(Protocol):
    """The state before the first round, a function of the key alone."""

    def __call__(
        self, key: Key[Array, ""], pool: Pool, classes: ClassTable, candidates: Candidates, prepared: Any
    ) -> State: ...


@runtime_checkable
class BeginRound(Protocol):
    """What happens to the state before the first epoch of a round."""

    def __call__(self, state: State, pool: Pool, classes: ClassTable, candidates: Candidates) -> State: ...


@runtime_checkable
class FitRound(Protocol):
    """Trains `epochs` epochs further, of `total` in the round."""

    def __call__(
        self, state: State, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[State, Metrics]: ...


@runtime_checkable
class EndRound(Protocol):
    """What happens after the last epoch of a round: the next state, the predictor that was made for it, and metrics."""

    def __call__(
        self, state: State, pool: Pool, classes: ClassTable, candidates: Candidates
    ) -> tuple[State, Any, Metrics]: ...


@runtime_checkable
class Prepare(Protocol):
    """What is computed once per run, on the host, from the unlabelled samples and the number of their candidates."""

    def __call__(self, x: Shaped[np.ndarray, "m *s"], classes: int, seed: int) -> Any: ...


class Procedure(NamedTuple):
    """A training as pure functions, cut where the driver may save.

    Attributes:
        init: (key, pool, classes, candidates, prepared) -> state.
        fit: (state, pool, classes, epochs, total) -> (state, metrics).
        model: state -> the method's own state.
        with_model: (state, the method's own state) -> the state with that one in its place.
        pool: (state, pool) -> the pool that the method is trained on in this round.
        begin, end: at the borders of a round; None where nothing happens there.
        scores: state -> the scores of the unlabelled samples by the last finished round, by name: "refined" and, where
            predictions are refined, "unrefined"; None for a procedure without unlabelled samples.
        details: state -> arrays that the journal records after a round.
        prepare: see `Prepare`; None where nothing is.
        rounds: how many rounds there are, each of as many epochs.
    """

    init: InitProcedure
    fit: FitRound | Fit
    model: Callable[[State], State]
    with_model: Callable[[State, State], State]
    pool: Callable[[State, Pool], Pool]
    begin: BeginRound | None = None
    end: EndRound | None = None
    scores: Callable[[State], dict[str, Float[Array, "m k"]]] | None = None
    details: Callable[[State], dict[str, Array]] | None = None
    prepare: Prepare | None = None
    rounds: int = 1


def inductive(method: Method) -> Procedure:
    """One round on labelled samples: the method itself."""

    def init(key, pool, classes, candidates, prepared):
        del candidates, prepared
        return method.init(key, pool, classes)

    return Procedure(
        init,
        method.fit,
        model=lambda state: state,
        with_model=lambda state, model: model,
        pool=lambda state, pool: pool,
    )
