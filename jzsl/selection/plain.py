"""The selectors that hardness sampling is compared with: at random, everything, and the most confident."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.types import Predictions, Selector


def random_sampling(hard: int) -> Selector:
    """RS: n of all rows, each equally likely, none twice (STHS, table 3); `hard` is not used."""
    del hard

    def select(
        key: Key[Array, ""], predictions: Predictions, prior: Float[Array, " k"], n: int | Int[Array, ""]
    ) -> Int[Array, " m"]:
        del prior
        return first_n(jax.random.uniform(key, predictions.label.shape), n)

    return select


def everything(hard: int) -> Selector:
    """Every row once as soon as n is above 0: self-training without a selection; `hard` is not used."""
    del hard

    def select(
        key: Key[Array, ""], predictions: Predictions, prior: Float[Array, " k"], n: int | Int[Array, ""]
    ) -> Int[Array, " m"]:
        del key, prior
        return jnp.full(len(predictions.label), n > 0).astype(jnp.int32)

    return select


def top_confidence(hard: int) -> Selector:
    """The n rows whose best score is furthest ahead of the second best, ties at random; `hard` is not used."""
    del hard

    def select(
        key: Key[Array, ""], predictions: Predictions, prior: Float[Array, " k"], n: int | Int[Array, ""]
    ) -> Int[Array, " m"]:
        del prior
        best = jax.lax.top_k(predictions.scores, 2)[0]
        margin = best[:, 0] - best[:, 1]
        shuffled = jax.random.permutation(key, len(margin))
        chosen = first_n(-margin[shuffled], n)
        return jnp.zeros_like(chosen).at[shuffled].set(chosen)

    return select


def first_n(order: Float[Array, " m"], n: int | Int[Array, ""]) -> Int[Array, " m"]:
    """1 for the n smallest entries, 0 for the others; of equal entries those that stand first."""
    rank = jnp.zeros(len(order), jnp.int32).at[jnp.argsort(order)].set(jnp.arange(len(order), dtype=jnp.int32))
    return (rank < n).astype(jnp.int32)
