"""What a round trains on: the pseudo-labels of the samples that it selects, written into the pool.

A round rewrites labels and multiplicities, never a shape.
"""

import jax
import jax.numpy as jnp

from jzsl.keys import stream
from jzsl.self_training.parts import SelfTrainingParts, uniform_prior
from jzsl.self_training.state import SampleLabels, SelfTrainingState
from jzsl.types import UNLABELLED, Candidates, ClassTable, Pool, Predictions, SelectionRequest


def labels_before(parts: SelfTrainingParts, pool: Pool, classes: ClassTable, candidates: Candidates) -> SampleLabels:
    """The labels before round 0: no unlabelled sample is selected."""
    soft = parts.method.takes_soft and _gives_soft(parts, len(candidates.classes))
    return SampleLabels(
        jnp.asarray(pool.y),
        jnp.asarray(pool.w).at[parts.unlabelled_samples].set(0),
        jax.nn.one_hot(pool.y, classes.count) if soft else None,
    )


def pseudo_labelled(
    parts: SelfTrainingParts, state: SelfTrainingState, pool: Pool, classes: ClassTable, candidates: Candidates
) -> SampleLabels:
    """The labels of this round, of samples that are selected by the predictions of the round before.

    A method without soft labels gets hard ones drawn from them: the expected loss is the same.
    """
    selector, samples = parts.selector, parts.unlabelled_samples
    parameters, predictions = state.parameters, state.predictions
    n = parts.schedule.samples(parameters.schedule, state.round, parameters.rounds, jnp.sum(predictions.selectable))
    key = stream(state.key, "selection", state.round)
    prior = state.prior if selector.prior is not None else uniform_prior(len(state.prior))
    selected = selector.select(key, parameters.selection, predictions, SelectionRequest(prior, n))
    label, soft = selected.label, state.soft
    if soft is not None:
        mass = jnp.zeros((parts.unlabelled, classes.count)).at[:, candidates.classes].set(selected.soft)
        soft = jax.nn.one_hot(pool.y, classes.count).at[samples].set(mass)
    elif selected.soft is not None:
        label = jax.random.categorical(stream(key, "label"), jnp.log(selected.soft)).astype(jnp.int32)
    y = jnp.asarray(pool.y).at[samples].set(candidates.classes[label])
    w = jnp.asarray(pool.w).at[samples].set(selected.multiplicity)
    return SampleLabels(y, w, soft)


def pool_of(parts: SelfTrainingParts, state: SelfTrainingState, pool: Pool) -> Pool:
    """The pool of this round; samples that are not selected are in it without a label."""
    samples = parts.unlabelled_samples
    unselected = jnp.zeros(len(state.w), bool).at[samples].set(state.w[samples] == 0)
    y = jnp.where(unselected, UNLABELLED, state.y)
    return pool._replace(y=y, w=jnp.where(unselected, 1, state.w), soft=state.soft)


def _gives_soft(parts: SelfTrainingParts, classes: int) -> bool:
    """Whether the selector's labels are soft."""
    selector = parts.selector
    empty = Predictions(jnp.zeros((1, classes)), jnp.zeros(1, jnp.int32), angle=jnp.zeros((1, classes)))
    request = SelectionRequest(jnp.zeros(classes), 1)
    selected = jax.eval_shape(selector.select, jax.random.key(0), selector.parameters(classes), empty, request)
    return selected.soft is not None
