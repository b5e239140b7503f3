"""The selectors that hardness sampling is compared with: at random, everything, and the most confident."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.types import Predictions, Selected, SelectionRequest


def random_sampling(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """RS: n of all eligible rows, each equally likely, none twice (STHS, table 3)."""
    order = jax.random.uniform(key, predictions.label.shape)
    return Selected(first_n(jnp.where(predictions.selectable, order, jnp.inf), request.n), predictions.label)


def everything(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """Every eligible row once as soon as n is above 0: self-training without a selection."""
    del key
    return Selected((predictions.selectable & (request.n > 0)).astype(jnp.int32), predictions.label)


def top_confidence(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """The n eligible rows whose best score is furthest ahead of the second best; ties at random.

    With one class there is no second, and all rows are alike.
    """
    best = jax.lax.top_k(predictions.scores, min(2, predictions.scores.shape[1]))[0]
    order = jnp.where(predictions.selectable, best[:, -1] - best[:, 0], jnp.inf)
    shuffled = jax.random.permutation(key, len(order))
    taken = first_n(order[shuffled], request.n)
    return Selected(jnp.zeros_like(taken).at[shuffled].set(taken), predictions.label)


def first_n(order: Float[Array, " m"], n: int | Int[Array, ""]) -> Int[Array, " m"]:
    """1 for the n smallest entries, 0 for the others; of equal entries those that stand first."""
    rank = jnp.zeros(len(order), jnp.int32).at[jnp.argsort(order)].set(jnp.arange(len(order), dtype=jnp.int32))
    return (rank < n).astype(jnp.int32)
