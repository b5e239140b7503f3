"""What a round predicts for the unlabelled samples, refined and averaged, and what is estimated from it."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from jzsl.hardness.angular import angles
from jzsl.keys import stream
from jzsl.self_training.parts import PriorEstimator, SelfTrainingParts, uniform_prior
from jzsl.self_training.priors.bbse import confusion_matrix
from jzsl.self_training.state import SelfTrainingState
from jzsl.types import Candidates, ClassTable, Metrics, Pool, Predictions

_GENERATED_PER_CLASS = 50
"""Samples generated per class for the base's confusion matrix."""


def unlabelled_samples(parts: SelfTrainingParts, pool: Pool) -> Num[Array, "m *s"]:
    """Feature vectors in float32; images as the pool has them."""
    x = jnp.asarray(pool.x)[parts.unlabelled_samples]
    return x.astype(jnp.float32) if x.ndim == 2 else x


def base_predictions(
    parts: SelfTrainingParts, predictor: Any, x: Num[Array, "m *s"], candidates: Candidates
) -> Predictions:
    """The base's own predictions, not refined."""
    method, columns = parts.method, candidates.classes
    scores = _scores(parts, predictor, x, candidates)
    angle = None
    if parts.selector.uses_angles and method.embedding is not None:
        angle = angles(method.embedding(predictor, x, columns))
    return Predictions(scores, jnp.argmax(scores, 1).astype(jnp.int32), angle=angle, open=jnp.asarray(candidates.open))


def generated_confusion(
    parts: SelfTrainingParts, state: SelfTrainingState, predictor: Any, classes: ClassTable, candidates: Candidates
) -> Float[Array, "k k"]:
    """The base's confusion matrix on samples that it generates itself, equally many of each candidate."""
    assert parts.method.sample is not None
    columns = candidates.classes
    column = jnp.repeat(jnp.arange(len(columns)), _GENERATED_PER_CLASS)
    key = stream(state.key, "confusion", state.round)
    generated = parts.method.sample(key, state.model, classes.required_semantics[columns[column]])
    predicted = jnp.argmax(_scores(parts, predictor, generated, candidates), 1)
    return confusion_matrix(column, predicted, len(columns))


def refined(
    parts: SelfTrainingParts,
    state: SelfTrainingState,
    predictions: Predictions,
    predictor: Any,
    x: Num[Array, "m *s"],
    candidates: Candidates,
    confusion: Float[Array, "k k"] | None,
) -> Predictions:
    """These predictions after the refiner and, with `average`, averaged with those of the rounds before.

    Feature vectors are refined among themselves; of images, whose pixels say little of what is near, the embeddings by
    this round's predictor.
    """
    refiner = parts.refiner
    if refiner is not None:
        prior = _class_prior(refiner.prior, state.prepared.refinement, predictions, confusion)
        prepared = state.graph
        if x.ndim != 2:
            assert parts.method.embedding is not None
            x = parts.method.embedding(predictor, x, candidates.classes).x
            prepared = None if refiner.prepare is None else refiner.prepare(x)
        predictions = refiner.refine(prepared, predictions, x, prior)
    if parts.average:
        mean = averaged(state.predictions.scores, predictions.scores, state.round)
        predictions = predictions._replace(scores=mean, label=jnp.argmax(mean, 1).astype(jnp.int32))
    return predictions


def next_prior(
    parts: SelfTrainingParts,
    state: SelfTrainingState,
    predictions: Predictions,
    confusion: Float[Array, "k k"] | None,
) -> Float[Array, " k"]:
    """The class prior of the next round, by the selector's estimator, else by the refiner's."""
    if parts.selector.prior is not None:
        return _class_prior(parts.selector.prior, state.prepared.selection, predictions, confusion)
    return _class_prior(parts.refiner_prior, state.prepared.refinement, predictions, confusion)


def round_metrics(parts: SelfTrainingParts, state: SelfTrainingState, label: Int[Array, " m"]) -> Metrics:
    """Of a round that predicts these labels.

    Returns:
        selected: samples that the round trained on.
        frequency_entropy: of the predicted classes, in nats.
        changed: share of samples that the round before predicted as another class; 1 in round 0.
    """
    changed = jnp.mean((label != state.predictions.label).astype(jnp.float32))
    return {
        "selected": jnp.sum(state.w[parts.unlabelled_samples]).astype(jnp.float32),
        "frequency_entropy": _entropy(jnp.bincount(label, length=len(state.prior)) / parts.unlabelled),
        "changed": jnp.where(state.round > 0, changed, 1.0),
    }


def averaged(before: Float[Array, "m k"], scores: Float[Array, "m k"], rounds: Int[Array, ""]) -> Float[Array, "m k"]:
    """The mean of this round's log-probabilities and of those of `rounds` rounds before.

    A class that a round gives less than 1e-12 counts as that much: one round alone must not exclude it for good.
    """
    share = jnp.maximum(jax.nn.log_softmax(scores), jnp.log(1e-12))
    return (rounds * before + share) / (rounds + 1)


def _scores(
    parts: SelfTrainingParts, predictor: Any, x: Num[Array, "m *s"], candidates: Candidates
) -> Float[Array, "m k"]:
    return parts.method.logits(predictor, x, candidates.classes) + jnp.asarray(candidates.offset)


def _class_prior(
    estimator: PriorEstimator | None, prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
) -> Float[Array, " k"]:
    """Uniform without an estimator."""
    if estimator is None:
        return uniform_prior(predictions.scores.shape[1])
    return estimator.estimate(prepared, predictions, confusion)


def _entropy(frequency: Float[Array, " k"]) -> Float[Array, ""]:
    """Of the predicted classes, in nats; at most the logarithm of their number."""
    return -jnp.sum(jnp.where(frequency > 0, frequency * jnp.log(jnp.where(frequency > 0, frequency, 1.0)), 0.0))
