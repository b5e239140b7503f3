"""Hardness sampling by class frequency: CFBS and PN-CFBS (STHS, section 3.2)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.keys import stream
from jzsl.types import Predictions, Selected, SelectionRequest


def class_frequency(predictions: Predictions) -> Float[Array, " k"]:
    """f, the share of the eligible rows predicted as each class (eq. 1)."""
    eligible = predictions.selectable
    count = jnp.bincount(predictions.label, eligible.astype(jnp.int32), length=predictions.scores.shape[1])
    return count / jnp.maximum(jnp.sum(eligible), 1)


def prior_normalised_frequency(frequency: Float[Array, " k"], prior: Float[Array, " k"]) -> Float[Array, " k"]:
    """f / p (section 3.2): below 1 where a class is predicted too rarely. A class of prior 0 gets infinity."""
    return jnp.where(prior > 0, frequency / jnp.where(prior > 0, prior, 1.0), jnp.inf)


def hardest_first(key: Key[Array, ""], frequency: Float[Array, " k"], hardness: Float[Array, " k"]) -> Int[Array, " k"]:
    """Columns in ascending order of `hardness` (eq. 2), ties at random; classes that nothing is predicted as last."""
    ties = jax.random.uniform(key, hardness.shape)
    return jnp.lexsort((ties, hardness, frequency == 0))


def hard_classes(
    key: Key[Array, ""], predictions: Predictions, prior: Float[Array, " k"], hard: int | Int[Array, ""]
) -> tuple[Int[Array, " k"], Int[Array, ""]]:
    """Columns, hardest first by f / p, and how many of them count as hard: `hard`, or all that are predicted at all.

    The paper does not say what becomes of a class that nothing is predicted as: it has the smallest frequency and
    no row to draw. Here it is passed over, and the next hardest class takes its place, for the paper finds that
    diverse hard classes help (section 3.1).
    """
    frequency = class_frequency(predictions)
    order = hardest_first(key, frequency, prior_normalised_frequency(frequency, prior))
    return order, jnp.clip(jnp.sum(frequency > 0), 1, hard)


def cfbs(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """Class-frequency based selection: PN-CFBS with a uniform prior, whatever prior it is given."""
    return pn_cfbs(key, predictions, request._replace(prior=jnp.full_like(request.prior, 1 / len(request.prior))))


def pn_cfbs(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """Prior-normalised class-frequency based selection.

    The `hard` classes of the smallest f / p are hard; each gives n / hard rows, drawn from the rows predicted as it
    with replacement. Where that is no whole number the hardest classes give one more.
    """
    rows, classes = predictions.scores.shape
    # Rows that are not eligible belong to no class here.
    label = jnp.where(predictions.selectable, predictions.label, classes)
    order, taken = hard_classes(stream(key, "ties"), predictions, request.prior, request.hard)
    # Slot j of the n draws belongs to the hard class j mod `taken`, hardest first.
    slot = jnp.arange(rows)
    column = order[slot % taken]
    by_class = jnp.argsort(label)
    count = jnp.bincount(label, length=classes + 1)[:classes]
    first = jnp.cumsum(count) - count
    uniform = jax.random.uniform(stream(key, "draws"), (rows,))
    within = jnp.minimum((uniform * count[column]).astype(jnp.int32), count[column] - 1)
    drawn = by_class[first[column] + within]
    return Selected(jnp.zeros(rows, jnp.int32).at[drawn].add((slot < request.n).astype(jnp.int32)), predictions.label)
