"""The rounds of self-training around any method as pure functions (STHS paper, section 3.3 and algorithm 1).

Round 0 trains the base on the labelled rows. Round t trains on them and on floor(M / T) * t pseudo-labelled rows,
selected by the predictions of round t - 1, M being the rows that may be selected at all. A round rewrites labels and
multiplicities of the pool, never a shape: one compilation serves all rounds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.hardness.angular import angles
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.metrics.calibration import calibrated
from jzsl.self_training.priors.bbse import confusion_matrix
from jzsl.self_training.refinement.choice import none as no_refinement
from jzsl.self_training.refinement.neighbour_graph import NeighbourGraph, neighbour_graph
from jzsl.self_training.selection.choice import PriorEstimator
from jzsl.types import Candidates, ClassTable, Metrics, Pool, Predictions, SelectionRequest, Selector

_CONFUSION_ROWS = 50
"""Rows generated of each class to see how the base confuses them."""


class Schedule(NamedTuple):
    """The numbers of algorithm 1 that a study may sweep, as leaves of the state.

    Attributes:
        rounds: T.
        hard: K.
        portion: share of the rows in the first round, its growth, its limit; zeros take t / T.
        factor: bonus on the scores of unseen classes (calibrated stacking).
    """

    rounds: Int[Array, ""]
    hard: Int[Array, ""]
    portion: Float[Array, "3"]
    factor: Float[Array, ""]

    def rows(self, t: Int[Array, ""], eligible: Int[Array, ""]) -> Int[Array, ""]:
        """How many of the eligible rows round t trains on; none in round 0."""
        first, growth, limit = self.portion
        share = jnp.minimum(first + growth * (t - 1), limit)
        given = jnp.where(t > 0, jnp.floor(share * eligible + 1e-3).astype(jnp.int32), 0)
        return jnp.where(first > 0, given, eligible // jnp.maximum(self.rounds, 1) * t)


class SelfTrainingState(NamedTuple):
    """Everything between two calls.

    Attributes:
        model: the method's state.
        y, w: labels and multiplicities of the pool's rows in this round.
        soft: soft labels of the pool's rows, where selector and method use them.
        predictions: of the unlabelled rows, by the last finished round, refined.
        own: the scores before refinement.
        prior: the class prior estimated from these predictions; uniform before the first round has ended.
        cluster: of each unlabelled row, for priors that need it.
        graph: of the unlabelled rows, for refinements that need it.
        confusion: of the base on rows that it generates itself; zeros for a base that does not.
        schedule: T and K.
        round: the round under way, from 0.
        key: base key.
    """

    model: Any
    y: Int[Array, " n"]
    w: Int[Array, " n"]
    soft: Float[Array, "n c"] | None
    predictions: Predictions
    own: Float[Array, "m k"]
    prior: Float[Array, " k"]
    graph: NeighbourGraph | None
    cluster: Int[Array, " m"]
    confusion: Float[Array, "k k"]
    schedule: Schedule
    round: Int[Array, ""]
    key: Key[Array, ""]


class SelfTraining(NamedTuple):
    """A round cut where a driver may save: `begin`, any number of `fit`, `end`; `step` is all of them.

    Attributes:
        init: (key, pool, classes, candidates, cluster, schedule) -> state.
        begin: (state, pool, classes, candidates) -> state that has selected its rows and restarted its model.
        fit: (state, pool, classes, epochs, total) -> (state, metrics).
        end: (state, pool, classes, candidates) -> (state of the next round with new predictions, metrics).
        step: (state, pool, classes, candidates, epochs) -> (state, metrics), a whole round.
    """

    init: Callable[..., SelfTrainingState]
    begin: Callable[..., SelfTrainingState]
    fit: Callable[..., tuple[SelfTrainingState, Metrics]]
    end: Callable[..., tuple[SelfTrainingState, Metrics]]
    step: Callable[..., tuple[SelfTrainingState, Metrics]]


def self_train(
    method: Method,
    selector: Selector,
    prior: PriorEstimator,
    labelled: int,
    unlabelled: int,
    warm: bool,
    refine: Callable[..., Predictions] = no_refinement,
    neighbours: int | None = None,
    angular: bool = False,
) -> SelfTraining:
    """Algorithm 1 around a method.

    Args:
        method: the base.
        selector: chooses the rows.
        prior: estimates the class prior that a prior-normalised selector divides by.
        labelled: labelled rows of the pool, which come first.
        unlabelled: M, the rows after them.
        warm: go on with the model of the last round instead of training it again from scratch, as the paper does.
            The method then forgets what it knew about rows whose label changed (ABP draws their latents anew).
        refine: (predictions, x[m, d], graph, prior[k]) -> predictions, applied before rows are selected.
        neighbours: edges from each row of the graph that `refine` gets; None makes no graph.
        angular: the selector wants the angles between rows and classes.

    A method that takes hard labels only gets each soft label as one drawn from it: the expected loss is the same.
    """
    rows = slice(labelled, labelled + unlabelled)

    def gives_soft(classes: int) -> bool:
        """Whether this selector's labels are soft."""
        nothing = Predictions(jnp.zeros((1, classes)), jnp.zeros(1, jnp.int32), angle=jnp.zeros((1, classes)))
        found = jax.eval_shape(selector, jax.random.key(0), nothing, SelectionRequest(jnp.zeros(classes), 1, 0))
        return found.soft is not None

    def init(
        key: Key[Array, ""],
        pool: Pool,
        classes: ClassTable,
        candidates: Candidates,
        cluster: Int[Array, " m"],
        schedule: Schedule,
    ) -> SelfTrainingState:
        count = len(candidates.classes)
        scores = jnp.zeros((unlabelled, count))
        nothing = Predictions(
            scores, jnp.zeros(unlabelled, jnp.int32), jnp.ones(unlabelled, bool), scores if angular else None
        )
        model = method.init(stream(key, "model"), pool, classes)
        x = jnp.asarray(pool.x)[rows].astype(jnp.float32)
        soft = method.takes_soft and gives_soft(count)
        return SelfTrainingState(
            model=model,
            y=jnp.asarray(pool.y),
            w=jnp.asarray(pool.w),
            soft=jax.nn.one_hot(pool.y, len(classes.semantics)) if soft else None,
            predictions=nothing,
            own=scores,
            prior=jnp.full(count, 1 / count),
            graph=None if neighbours is None else neighbour_graph(x, neighbours),
            cluster=cluster,
            confusion=jnp.zeros((count, count)),
            schedule=schedule,
            round=jnp.int32(0),
            key=key,
        )

    def begin(state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates) -> SelfTrainingState:
        predictions = state.predictions
        n = state.schedule.rows(state.round, jnp.sum(predictions.selectable))
        key = stream(state.key, "selection", state.round)
        chosen = selector(key, predictions, SelectionRequest(state.prior, state.schedule.hard, n))
        label, soft = chosen.label, state.soft
        if soft is not None:
            own = jnp.zeros((unlabelled, len(classes.semantics))).at[:, candidates.classes].set(chosen.soft)
            soft = jax.nn.one_hot(pool.y, len(classes.semantics)).at[rows].set(own)
        elif chosen.soft is not None:
            label = jax.random.categorical(stream(key, "label"), jnp.log(chosen.soft)).astype(jnp.int32)
        y = jnp.asarray(pool.y).at[rows].set(candidates.classes[label])
        w = jnp.asarray(pool.w).at[rows].set(chosen.multiplicity)
        model_key = stream(state.key, "model", state.round)
        kept = method.relabel(model_key, state.model, y != state.y) if warm else None
        return state._replace(model=kept if warm else method.init(model_key, pool, classes), y=y, w=w, soft=soft)

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
    ) -> tuple[SelfTrainingState, Metrics]:
        columns = candidates.classes
        predictor = method.predictor(state.model, pool_of(state, pool), classes, candidates.unseen)

        def score(x):
            return calibrated(method.logits(predictor, x, columns), state.schedule.factor, classes.seen[columns])

        x = jnp.asarray(pool.x)[rows].astype(jnp.float32)
        scores = score(x)
        angle = angles(method.embedding(predictor, x, columns)) if angular and method.embedding else None
        own = Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32), angle=angle)
        confusion = state.confusion
        if method.sample is not None:
            column = jnp.repeat(jnp.arange(len(columns)), _CONFUSION_ROWS)
            key = stream(state.key, "confusion", state.round)
            generated = method.sample(key, state.model, classes.semantics[columns[column]])
            confusion = confusion_matrix(column, jnp.argmax(score(generated), 1), len(columns))
        refined = refine(own, x, state.graph, prior(own, state.cluster, confusion))
        label = refined.label
        refined = refined._replace(eligible=jnp.asarray(candidates.open)[label])
        changed = jnp.mean((label != state.predictions.label).astype(jnp.float32))
        metrics = {
            "selected": jnp.sum(state.w[rows]).astype(jnp.float32),
            "frequency_entropy": _entropy(jnp.bincount(label, length=len(columns)) / unlabelled),
            "changed": jnp.where(state.round > 0, changed, 1.0),
        }
        after = state._replace(
            predictions=refined,
            own=scores,
            prior=prior(refined, state.cluster, confusion),
            confusion=confusion,
            round=state.round + 1,
        )
        return after, metrics

    def step(
        state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates, epochs: int | Array
    ) -> tuple[SelfTrainingState, Metrics]:
        state, metrics = fit(begin(state, pool, classes, candidates), pool, classes, epochs, epochs)
        state, more = end(state, pool, classes, candidates)
        return state, metrics | more

    return SelfTraining(init, begin, fit, end, step)


def pool_of(state: SelfTrainingState, pool: Pool) -> Pool:
    """The pool with the labels and multiplicities of the round."""
    return pool._replace(y=state.y, w=state.w, soft=state.soft)


def _entropy(frequency: Float[Array, " k"]) -> Float[Array, ""]:
    """Of the predicted classes, in nats; at most the logarithm of their number."""
    return -jnp.sum(jnp.where(frequency > 0, frequency * jnp.log(jnp.where(frequency > 0, frequency, 1.0)), 0.0))
