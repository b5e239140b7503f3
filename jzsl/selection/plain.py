"""The selectors that hardness sampling is compared with: at random, everything, and the most confident."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.types import Predictions


def random_sampling(
    key: Key[Array, ""],
    predictions: Predictions,
    prior: Float[Array, " k"],
    hard: int | Int[Array, ""],
    n: int | Int[Array, ""],
) -> Int[Array, " m"]:
    """RS: n of all rows, each equally likely, none twice (STHS, table 3)."""
    del prior, hard
    return first_n(jax.random.uniform(key, predictions.label.shape), n)


def everything(
    key: Key[Array, ""],
    predictions: Predictions,
    prior: Float[Array, " k"],
    hard: int | Int[Array, ""],
    n: int | Int[Array, ""],
) -> Int[Array, " m"]:
    """Every row once as soon as n is above 0: self-training without a selection."""
    del key, prior, hard
    return jnp.full(len(predictions.label), n > 0).astype(jnp.int32)


def top_confidence(
    key: Key[Array, ""],
    predictions: Predictions,
    prior: Float[Array, " k"],
    hard: int | Int[Array, ""],
    n: int | Int[Array, ""],
) -> Int[Array, " m"]:
    """The n rows whose best score is furthest ahead of the second best; ties at random."""
    del prior, hard
    best = jax.lax.top_k(predictions.scores, 2)[0]
    margin = best[:, 0] - best[:, 1]
    shuffled = jax.random.permutation(key, len(margin))
    chosen = first_n(-margin[shuffled], n)
    return jnp.zeros_like(chosen).at[shuffled].set(chosen)


def first_n(order: Float[Array, " m"], n: int | Int[Array, ""]) -> Int[Array, " m"]:
    """1 for the n smallest entries, 0 for the others; of equal entries those that stand first."""
    rank = jnp.zeros(len(order), jnp.int32).at[jnp.argsort(order)].set(jnp.arange(len(order), dtype=jnp.int32))
    return (rank < n).astype(jnp.int32)
