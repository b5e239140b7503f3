"""Hardness sampling by class frequency: CFBS and PN-CFBS (STHS, section 3.2)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.keys import stream
from jzsl.types import Predictions


def class_frequency(predictions: Predictions) -> Float[Array, " k"]:
    """f, the share of rows predicted as each class (eq. 1)."""
    rows, classes = predictions.scores.shape
    return jnp.bincount(predictions.label, length=classes) / rows


def prior_normalised_frequency(frequency: Float[Array, " k"], prior: Float[Array, " k"]) -> Float[Array, " k"]:
    """f / p (section 3.2): below 1 where a class is predicted too rarely. A class of prior 0 gets infinity."""
    return jnp.where(prior > 0, frequency / jnp.where(prior > 0, prior, 1.0), jnp.inf)


def hardest_first(key: Key[Array, ""], frequency: Float[Array, " k"], hardness: Float[Array, " k"]) -> Int[Array, " k"]:
    """Columns in ascending order of `hardness` (eq. 2), ties at random; classes that nothing is predicted as last."""
    ties = jax.random.uniform(key, hardness.shape)
    return jnp.lexsort((ties, hardness, frequency == 0))


def cfbs(
    key: Key[Array, ""],
    predictions: Predictions,
    prior: Float[Array, " k"],
    hard: int | Int[Array, ""],
    n: int | Int[Array, ""],
) -> Int[Array, " m"]:
    """Class-frequency based selection: PN-CFBS with a uniform prior, whatever prior it is given."""
    return pn_cfbs(key, predictions, jnp.full_like(prior, 1 / len(prior)), hard, n)


def pn_cfbs(
    key: Key[Array, ""],
    predictions: Predictions,
    prior: Float[Array, " k"],
    hard: int | Int[Array, ""],
    n: int | Int[Array, ""],
) -> Int[Array, " m"]:
    """Prior-normalised class-frequency based selection.

    The `hard` classes of the smallest f / p are hard; each gives n / hard rows, drawn from the rows predicted as it
    with replacement. Where that is no whole number the hardest classes give one more.

    The paper does not say what becomes of a class that nothing is predicted as: it has the smallest frequency and
    no row to draw. Here it is passed over, and the next hardest class takes its place, for the paper finds that
    diverse hard classes help (section 3.1). If fewer than `hard` classes are predicted at all, all of them count.
    """
    label = predictions.label
    rows = len(label)
    frequency = class_frequency(predictions)
    hardness = prior_normalised_frequency(frequency, prior)
    order = hardest_first(stream(key, "ties"), frequency, hardness)
    taken = jnp.clip(jnp.sum(frequency > 0), 1, hard)
    # Slot j of the n draws belongs to the hard class j mod `taken`, hardest first.
    slot = jnp.arange(rows)
    column = order[slot % taken]
    by_class = jnp.argsort(label)
    count = jnp.bincount(label, length=len(order))
    first = jnp.cumsum(count) - count
    uniform = jax.random.uniform(stream(key, "draws"), (rows,))
    within = jnp.minimum((uniform * count[column]).astype(jnp.int32), count[column] - 1)
    drawn = by_class[first[column] + within]
    return jnp.zeros(rows, jnp.int32).at[drawn].add((slot < n).astype(jnp.int32))
