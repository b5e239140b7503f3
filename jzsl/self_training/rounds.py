"""The rounds of self-training around any method as pure functions (STHS paper, section 3.3 and algorithm 1).

Round 0 trains the base on the labelled samples. Round t trains on them and on pseudo-labelled samples, floor(M / T) t
of them in the paper, selected by the predictions of round t - 1. A round rewrites labels and multiplicities of the
pool, never a shape: one compilation serves all rounds.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from jzsl.errors import InputError
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.self_training.parts import PseudoLabelSchedule, Refiner, Selector, SelfTrainingParts, uniform_prior
from jzsl.self_training.pseudo_labels import labels_before, pool_of, pseudo_labelled
from jzsl.self_training.round_predictions import (
    base_predictions,
    generated_confusion,
    next_prior,
    refined,
    round_metrics,
    unlabelled_samples,
)
from jzsl.self_training.state import Prepared, RoundParameters, SelfTraining, SelfTrainingState
from jzsl.types import Candidates, ClassTable, Metrics, PerSample, Pool, Predictions


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
    """
    parts = SelfTrainingParts(method, selector, schedule, labelled, unlabelled, refiner, warm, average)
    return SelfTraining(
        partial(init, parts),
        partial(begin, parts),
        partial(fit, parts),
        partial(end, parts),
        partial(step, parts),
        partial(pool_of, parts),
    )


def init(
    parts: SelfTrainingParts,
    key: Key[Array, ""],
    pool: Pool,
    classes: ClassTable,
    candidates: Candidates,
    prepared: Prepared,
    parameters: RoundParameters,
) -> SelfTrainingState:
    """The state before round 0, in which nothing is predicted yet."""
    refiner, count = parts.refiner, len(candidates.classes)
    scores = jnp.zeros((parts.unlabelled, count))
    predictions = Predictions(
        scores,
        jnp.zeros(parts.unlabelled, jnp.int32),
        jnp.ones(parts.unlabelled, bool),
        scores if parts.selector.uses_angles else None,
        jnp.asarray(candidates.open),
    )
    model = parts.method.init(stream(key, "model"), pool, classes)
    x = unlabelled_samples(parts, pool)
    if refiner is not None and x.ndim != 2 and parts.method.embedding is None:
        raise InputError(
            "refinement: given for images, which it refines among the embeddings of a method; this method has none"
        )
    return SelfTrainingState(
        model=model,
        labels=PerSample(labels_before(parts, pool, classes, candidates)),
        predictions=predictions,
        unrefined=None if refiner is None else scores,
        prior=uniform_prior(count),
        prepared=prepared,
        graph=None if refiner is None or refiner.prepare is None or x.ndim != 2 else refiner.prepare(x),
        confusion=jnp.zeros((count, count)) if parts.needs_generated else None,
        parameters=parameters,
        round=jnp.int32(0),
        key=key,
    )


def begin(
    parts: SelfTrainingParts, state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates
) -> SelfTrainingState:
    """The state of a round whose samples are selected and whose model starts afresh, or with `warm` goes on."""
    labels, method = pseudo_labelled(parts, state, pool, classes, candidates), parts.method
    key = stream(state.key, "model", state.round)
    kept = method.relabel(key, state.model, labels.y != state.y) if parts.warm else None
    model = kept if parts.warm else method.init(key, pool, classes)
    return state._replace(model=model, labels=PerSample(labels))


def fit(
    parts: SelfTrainingParts,
    state: SelfTrainingState,
    pool: Pool,
    classes: ClassTable,
    epochs: int | Int[Array, ""],
    total: int | Int[Array, ""],
) -> tuple[SelfTrainingState, Metrics]:
    """Some epochs of a round, of `total`."""
    model, metrics = parts.method.fit(state.model, pool_of(parts, state, pool), classes, epochs, total)
    return state._replace(model=model), metrics


def end(
    parts: SelfTrainingParts, state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates
) -> tuple[SelfTrainingState, Any, Metrics]:
    """The state of the next round with new predictions, the predictor that made them, and the round's metrics."""
    predictor = parts.method.predictor(state.model, pool_of(parts, state, pool), classes, candidates.unseen)
    x = unlabelled_samples(parts, pool)
    unrefined, confusion = base_predictions(parts, predictor, x, candidates), None
    if parts.needs_generated:
        confusion = generated_confusion(parts, state, predictor, classes, candidates)
    predictions = refined(parts, state, unrefined, predictor, x, candidates, confusion)
    predictions = predictions._replace(eligible=jnp.asarray(candidates.open)[predictions.label])
    metrics = round_metrics(parts, state, predictions.label)
    after = state._replace(
        predictions=predictions,
        unrefined=None if parts.refiner is None else unrefined.scores,
        prior=next_prior(parts, state, predictions, confusion),
        confusion=confusion,
        round=state.round + 1,
    )
    return after, predictor, metrics


def step(
    parts: SelfTrainingParts,
    state: SelfTrainingState,
    pool: Pool,
    classes: ClassTable,
    candidates: Candidates,
    epochs: int | Int[Array, ""],
) -> tuple[SelfTrainingState, Metrics]:
    """A whole round."""
    state = begin(parts, state, pool, classes, candidates)
    state, metrics = fit(parts, state, pool, classes, epochs, epochs)
    state, _, more = end(parts, state, pool, classes, candidates)
    return state, metrics | more
