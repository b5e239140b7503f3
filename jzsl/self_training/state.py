"""What self-training carries between two calls, and the functions that a round is made of."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Key

from jzsl.procedure import BeginRound, EndRound, FitRound, Prepare, Procedure
from jzsl.types import Candidates, ClassTable, Metrics, PerSample, Pool, Predictions


class RoundParameters(NamedTuple):
    """What a study may sweep within one compiled program, as leaves of the state.

    Attributes:
        rounds: T.
        selection: of the selector, such as the number of hard classes.
        schedule: of the pseudo-label schedule.
    """

    rounds: Int[Array, ""]
    selection: Any
    schedule: Any


class Prepared(NamedTuple):
    """What the estimators of the class prior have prepared on the host, for the selector and for the refiner."""

    selection: Any = None
    refinement: Any = None


class SampleLabels(NamedTuple):
    """The labels of the pool's samples in this round.

    Attributes:
        y: label or pseudo-label.
        w: multiplicity; 0 for unlabelled samples that are not selected.
        soft: soft labels, where selector and method use them.
    """

    y: Int[Array, " n"]
    w: Int[Array, " n"]
    soft: Float[Array, "n c"] | None


class SelfTrainingState(NamedTuple):
    """The state between two calls.

    Attributes:
        model: the method's state.
        labels: `SampleLabels`, of the pool's samples.
        predictions: for the unlabelled samples, by the last finished round, refined.
        unrefined: the scores before refinement; None without a refiner.
        prior: the class prior estimated from these predictions, for the selector, else for the refiner; uniform where
            neither names one, and before the first round has ended.
        prepared: for estimators of the class prior.
        graph: what the refiner has prepared.
        confusion: of the base on samples that it generates itself, where an estimator of the prior needs it.
        parameters: what a study may sweep.
        round: the current round, from 0.
        key: base key.
    """

    model: Any
    labels: PerSample
    predictions: Predictions
    unrefined: Float[Array, "m k"] | None
    prior: Float[Array, " k"]
    prepared: Prepared
    graph: Any
    confusion: Float[Array, "k k"] | None
    parameters: RoundParameters
    round: Int[Array, ""]
    key: Key[Array, ""]

    @property
    def y(self) -> Int[Array, " n"]:
        """Labels and pseudo-labels."""
        return self.labels.values.y

    @property
    def w(self) -> Int[Array, " n"]:
        """Multiplicities."""
        return self.labels.values.w

    @property
    def soft(self) -> Float[Array, "n c"] | None:
        """Soft labels, where selector and method use them."""
        return self.labels.values.soft


@runtime_checkable
class InitSelfTraining(Protocol):
    """The state before round 0."""

    def __call__(
        self,
        key: Key[Array, ""],
        pool: Pool,
        classes: ClassTable,
        candidates: Candidates,
        prepared: Prepared,
        parameters: RoundParameters,
    ) -> SelfTrainingState: ...


@runtime_checkable
class RunRound(Protocol):
    """A whole round."""

    def __call__(
        self,
        state: SelfTrainingState,
        pool: Pool,
        classes: ClassTable,
        candidates: Candidates,
        epochs: int | Int[Array, ""],
    ) -> tuple[SelfTrainingState, Metrics]: ...


@runtime_checkable
class PoolOf(Protocol):
    """The pool with the labels and multiplicities of the round."""

    def __call__(self, state: SelfTrainingState, pool: Pool) -> Pool: ...


class SelfTraining(NamedTuple):
    """A round, divided where a driver may save: `begin`, any number of `fit`, `end`; `step` is all of them.

    Attributes:
        init, begin, fit, end, step: see their types; their states are a `SelfTrainingState`.
        pool_of: what the method trains on in this round.
    """

    init: InitSelfTraining
    begin: BeginRound
    fit: FitRound
    end: EndRound
    step: RunRound
    pool_of: PoolOf

    def procedure(self, parameters: RoundParameters, prepare: Prepare | None, rounds: int) -> Procedure:
        """The procedure for the driver.

        Args:
            parameters: of the rounds.
            prepare: the host's preparation of the unlabelled samples, where a class prior needs one.
            rounds: T, without round 0.
        """

        def init(key, pool, classes, candidates, prepared):
            prepared = Prepared() if prepared is None else prepared
            return self.init(key, pool, classes, candidates, prepared, parameters)

        def scores(state: SelfTrainingState) -> dict[str, Float[Array, "m k"]]:
            refined = {"refined": state.predictions.scores}
            return refined if state.unrefined is None else refined | {"unrefined": state.unrefined}

        def details(state: SelfTrainingState) -> dict[str, Array]:
            return {"label": state.predictions.label, "prior": state.prior, "y": state.y, "w": state.w}

        return Procedure(
            init,
            self.fit,
            model=lambda state: state.model,
            with_model=lambda state, model: state._replace(model=model),
            pool=self.pool_of,
            begin=self.begin,
            end=self.end,
            scores=scores,
            details=details,
            prepare=prepare,
            rounds=rounds + 1,
        )
