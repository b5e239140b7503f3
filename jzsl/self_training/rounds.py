"""The rounds of self-training around any method as pure functions (STHS paper, section 3.3 and algorithm 1).

Round 0 trains the base on the labelled samples. Round t trains on them and on pseudo-labelled samples, floor(M / T) t
of them in the paper, selected by the predictions of round t - 1. A round rewrites labels and multiplicities of the
pool, never a shape: one compilation serves all rounds.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.hardness.angular import angles
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.procedure import Prepare, Procedure
from jzsl.self_training.parts import PriorEstimator, PseudoLabelSchedule, Refiner, Selector, uniform_prior
from jzsl.self_training.priors.bbse import confusion_matrix
from jzsl.types import UNLABELLED, Candidates, ClassTable, Metrics, PerSample, Pool, Predictions, SelectionRequest

_GENERATED_PER_CLASS = 50
"""Samples generated per class for the base's confusion matrix."""


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
class Init(Protocol):
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
class Begin(Protocol):
    """The state of a round whose samples are selected and whose model is restarted."""

    def __call__(
        self, state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates
    ) -> SelfTrainingState: ...


@runtime_checkable
class Fit(Protocol):
    """Some epochs of a round, of `total`."""

    def __call__(
        self,
        state: SelfTrainingState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[SelfTrainingState, Metrics]: ...


@runtime_checkable
class End(Protocol):
    """The state of the next round with new predictions, and the predictor that made them."""

    def __call__(
        self, state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates
    ) -> tuple[SelfTrainingState, Any, Metrics]: ...


@runtime_checkable
class Step(Protocol):
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
        init, begin, fit, end, step: see their types.
        pool_of: what the method trains on in this round.
    """

    init: Init
    begin: Begin
    fit: Fit
    end: End
    step: Step
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
            pool=self.pool_of,
            begin=self.begin,
            end=self.end,
            scores=scores,
            details=details,
            prepare=prepare,
            rounds=rounds + 1,
        )


def self_train(
    method: Method,
    selector: Selector,
    schedule: PseudoLabelSchedule,
    labelled: int,
    unlabelled: int,
    refiner: Refiner | None = None,
    warm: bool = False,
) -> SelfTraining:
    """Algorithm 1 around a method.

    Args:
        method: the base.
        selector: selects the samples.
        schedule: how many samples each round takes.
        labelled: labelled samples of the pool, which come first.
        unlabelled: M, the samples after them.
        refiner: refines predictions before samples are selected by them.
        warm: go on with the model of the last round instead of training it again from scratch, as the paper does.
            `Method.relabel` then resets the state of samples whose label changed (ABP draws their latents anew).

    A method without soft labels gets hard ones drawn from them: the expected loss is the same.
    """
    part = slice(labelled, labelled + unlabelled)
    refiner_prior = None if refiner is None else refiner.prior
    generates = any(prior is not None and prior.needs_generated for prior in (selector.prior, refiner_prior))

    def gives_soft(classes: int) -> bool:
        """Whether this selector's labels are soft."""
        empty = Predictions(jnp.zeros((1, classes)), jnp.zeros(1, jnp.int32), angle=jnp.zeros((1, classes)))
        request = SelectionRequest(jnp.zeros(classes), 1)
        selected = jax.eval_shape(selector.select, jax.random.key(0), selector.parameters(classes), empty, request)
        return selected.soft is not None

    def init(
        key: Key[Array, ""],
        pool: Pool,
        classes: ClassTable,
        candidates: Candidates,
        prepared: Prepared,
        parameters: RoundParameters,
    ) -> SelfTrainingState:
        count = len(candidates.classes)
        scores = jnp.zeros((unlabelled, count))
        predictions = Predictions(
            scores,
            jnp.zeros(unlabelled, jnp.int32),
            jnp.ones(unlabelled, bool),
            scores if selector.uses_angles else None,
        )
        model = method.init(stream(key, "model"), pool, classes)
        x = jnp.asarray(pool.x)[part].astype(jnp.float32)
        soft = method.takes_soft and gives_soft(count)
        return SelfTrainingState(
            model=model,
            labels=PerSample(
                SampleLabels(
                    jnp.asarray(pool.y),
                    jnp.asarray(pool.w).at[part].set(0),
                    jax.nn.one_hot(pool.y, classes.count) if soft else None,
                )
            ),
            predictions=predictions,
            unrefined=None if refiner is None else scores,
            prior=uniform_prior(count),
            prepared=prepared,
            graph=None if refiner is None or refiner.prepare is None else refiner.prepare(x),
            confusion=jnp.zeros((count, count)) if generates else None,
            parameters=parameters,
            round=jnp.int32(0),
            key=key,
        )

    def begin(state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates) -> SelfTrainingState:
        predictions, parameters = state.predictions, state.parameters
        n = schedule.samples(parameters.schedule, state.round, parameters.rounds, jnp.sum(predictions.selectable))
        key = stream(state.key, "selection", state.round)
        prior = state.prior if selector.prior is not None else uniform_prior(len(state.prior))
        selected = selector.select(key, parameters.selection, predictions, SelectionRequest(prior, n))
        label, soft = selected.label, state.soft
        if soft is not None:
            mass = jnp.zeros((unlabelled, classes.count)).at[:, candidates.classes].set(selected.soft)
            soft = jax.nn.one_hot(pool.y, classes.count).at[part].set(mass)
        elif selected.soft is not None:
            label = jax.random.categorical(stream(key, "label"), jnp.log(selected.soft)).astype(jnp.int32)
        y = jnp.asarray(pool.y).at[part].set(candidates.classes[label])
        w = jnp.asarray(pool.w).at[part].set(selected.multiplicity)
        model_key = stream(state.key, "model", state.round)
        kept = method.relabel(model_key, state.model, y != state.y) if warm else None
        model = kept if warm else method.init(model_key, pool, classes)
        return state._replace(model=model, labels=PerSample(SampleLabels(y, w, soft)))

    def pool_of(state: SelfTrainingState, pool: Pool) -> Pool:
        unselected = jnp.zeros(len(state.w), bool).at[part].set(state.w[part] == 0)
        y = jnp.where(unselected, UNLABELLED, state.y)
        return pool._replace(y=y, w=jnp.where(unselected, 1, state.w), soft=state.soft)

    def fit(
        state: SelfTrainingState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[SelfTrainingState, Metrics]:
        model, metrics = method.fit(state.model, pool_of(state, pool), classes, epochs, total)
        return state._replace(model=model), metrics

    def end(
        state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates
    ) -> tuple[SelfTrainingState, Any, Metrics]:
        columns = candidates.classes
        predictor = method.predictor(state.model, pool_of(state, pool), classes, candidates.unseen)

        def score(x):
            return method.logits(predictor, x, columns) + jnp.asarray(candidates.offset)

        def estimate(prior: PriorEstimator | None, prepared: Any, predictions: Predictions) -> Float[Array, " k"]:
            return uniform_prior(len(columns)) if prior is None else prior.estimate(prepared, predictions, confusion)

        x = jnp.asarray(pool.x)[part].astype(jnp.float32)
        scores = score(x)
        angle = angles(method.embedding(predictor, x, columns)) if selector.uses_angles and method.embedding else None
        refined = Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32), angle=angle)
        confusion = None
        if generates:
            assert method.sample is not None
            column = jnp.repeat(jnp.arange(len(columns)), _GENERATED_PER_CLASS)
            key = stream(state.key, "confusion", state.round)
            generated = method.sample(key, state.model, classes.required_semantics[columns[column]])
            confusion = confusion_matrix(column, jnp.argmax(score(generated), 1), len(columns))
        if refiner is not None:
            mass = estimate(refiner.prior, state.prepared.refinement, refined)
            refined = refiner.refine(state.graph, refined, x, mass)
        label = refined.label
        refined = refined._replace(eligible=jnp.asarray(candidates.open)[label])
        changed = jnp.mean((label != state.predictions.label).astype(jnp.float32))
        metrics = {
            "selected": jnp.sum(state.w[part]).astype(jnp.float32),
            "frequency_entropy": _entropy(jnp.bincount(label, length=len(columns)) / unlabelled),
            "changed": jnp.where(state.round > 0, changed, 1.0),
        }
        if selector.prior is not None:
            prior = estimate(selector.prior, state.prepared.selection, refined)
        else:
            prior = estimate(refiner_prior, state.prepared.refinement, refined)
        after = state._replace(
            predictions=refined,
            unrefined=None if refiner is None else scores,
            prior=prior,
            confusion=confusion,
            round=state.round + 1,
        )
        return after, predictor, metrics

    def step(
        state: SelfTrainingState,
        pool: Pool,
        classes: ClassTable,
        candidates: Candidates,
        epochs: int | Int[Array, ""],
    ) -> tuple[SelfTrainingState, Metrics]:
        state, metrics = fit(begin(state, pool, classes, candidates), pool, classes, epochs, epochs)
        state, _, more = end(state, pool, classes, candidates)
        return state, metrics | more

    return SelfTraining(init, begin, fit, end, step, pool_of)


def _entropy(frequency: Float[Array, " k"]) -> Float[Array, ""]:
    """Of the predicted classes, in nats; at most the logarithm of their number."""
    return -jnp.sum(jnp.where(frequency > 0, frequency * jnp.log(jnp.where(frequency > 0, frequency, 1.0)), 0.0))
