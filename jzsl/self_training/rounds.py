"""The rounds of self-training around any method as pure functions (STHS paper, section 3.3 and algorithm 1).

Round 0 trains the base on the labelled samples. Round t trains on them and on pseudo-labelled samples, floor(M / T) t
of them in the paper, selected by the predictions of round t - 1. A round rewrites labels and multiplicities of the
pool, never a shape: one compilation serves all rounds.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.hardness.angular import angles
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.self_training.parts import PriorEstimator, PseudoLabelSchedule, Refiner, Selector, uniform_prior
from jzsl.self_training.priors.bbse import confusion_matrix
from jzsl.self_training.state import Prepared, RoundParameters, SampleLabels, SelfTraining, SelfTrainingState
from jzsl.types import UNLABELLED, Candidates, ClassTable, Metrics, PerSample, Pool, Predictions, SelectionRequest

_GENERATED_PER_CLASS = 50
"""Samples generated per class for the base's confusion matrix."""


def self_train(
    method: Method,
    selector: Selector,
    schedule: PseudoLabelSchedule,
    labelled: int,
    unlabelled: int,
    refiner: Refiner | None = None,
    warm: bool = False,
    average: bool = False,
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
        average: predict by the mean log-probability over all rounds so far, not by the last round alone.

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
            jnp.asarray(candidates.open),
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
        refined = Predictions(
            scores, jnp.argmax(scores, 1).astype(jnp.int32), angle=angle, open=jnp.asarray(candidates.open)
        )
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
        if average:
            mean = _averaged(state.predictions.scores, refined.scores, state.round)
            refined = refined._replace(scores=mean, label=jnp.argmax(mean, 1).astype(jnp.int32))
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


def _averaged(before: Float[Array, "m k"], scores: Float[Array, "m k"], rounds: Int[Array, ""]) -> Float[Array, "m k"]:
    """The mean of this round's log-probabilities and of those of `rounds` rounds before.

    A class that a round gives less than 1e-12 counts as that much: one round alone must not exclude it for good.
    """
    share = jnp.maximum(jax.nn.log_softmax(scores), jnp.log(1e-12))
    return (rounds * before + share) / (rounds + 1)


def _entropy(frequency: Float[Array, " k"]) -> Float[Array, ""]:
    """Of the predicted classes, in nats; at most the logarithm of their number."""
    return -jnp.sum(jnp.where(frequency > 0, frequency * jnp.log(jnp.where(frequency > 0, frequency, 1.0)), 0.0))
