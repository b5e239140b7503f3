"""The most confident samples, by the margin between the two best scores."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.self_training.parts import Selector
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class TopConfidence:
    """The n eligible samples whose best score is furthest ahead of the second best; ties at random."""

    def build(self) -> Selector:
        return Selector(top_confidence)


def top_confidence(
    key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest
) -> Selected:
    """Samples of a single candidate class are all equally confident."""
    del parameters
    order = jnp.where(predictions.selectable, -margin(predictions.scores), jnp.inf)
    shuffled = jax.random.permutation(key, len(order))
    taken = first_n(order[shuffled], request.n)
    return Selected(jnp.zeros_like(taken).at[shuffled].set(taken), predictions.label)


def margin(scores: Float[Array, "m k"]) -> Float[Array, " m"]:
    """The best score less the second best; 0 where there is one class."""
    if scores.shape[1] == 1:
        return jnp.zeros(len(scores))
    best = jax.lax.top_k(scores, 2)[0]
    return best[:, 0] - best[:, 1]


def first_n(order: Float[Array, " m"], n: int | Int[Array, ""]) -> Int[Array, " m"]:
    """1 for the n smallest entries, 0 for the others; of equal entries the first ones."""
    rank = jnp.zeros(len(order), jnp.int32).at[jnp.argsort(order)].set(jnp.arange(len(order), dtype=jnp.int32))
    return (rank < n).astype(jnp.int32)
