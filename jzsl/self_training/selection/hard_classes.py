"""Which classes are hard, by class frequency (STHS, section 3.2)."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.errors import InputError
from jzsl.self_training.parts import SelectorConfig, SelectorParameters
from jzsl.types import Predictions


def class_frequency(predictions: Predictions) -> Float[Array, " k"]:
    """f, the share of the eligible samples predicted as each class (eq. 1)."""
    eligible = predictions.selectable
    count = jnp.bincount(predictions.label, eligible.astype(jnp.int32), length=predictions.scores.shape[1])
    return count / jnp.maximum(jnp.sum(eligible), 1)


def prior_normalised_frequency(frequency: Float[Array, " k"], prior: Float[Array, " k"]) -> Float[Array, " k"]:
    """f / p (section 3.2): below 1 where a class is predicted too rarely. A class of prior 0 gets infinity."""
    return jnp.where(prior > 0, frequency / jnp.where(prior > 0, prior, 1.0), jnp.inf)


def hardest_first(key: Key[Array, ""], frequency: Float[Array, " k"], hardness: Float[Array, " k"]) -> Int[Array, " k"]:
    """Columns in ascending order of `hardness` (eq. 2), ties at random; classes that are never predicted last."""
    ties = jax.random.uniform(key, hardness.shape)
    return jnp.lexsort((ties, hardness, frequency == 0))


def hard_classes(
    key: Key[Array, ""], predictions: Predictions, prior: Float[Array, " k"], hard: int | Int[Array, ""]
) -> tuple[Int[Array, " k"], Int[Array, ""]]:
    """Columns, hardest first by f / p, and how many of them count as hard: `hard`, or all that are predicted at all.

    The paper does not say what happens to a class that is never predicted: it has the smallest frequency and no
    sample to draw. Here the next hardest class replaces it, since the paper finds that diverse hard classes help
    (section 3.1).
    """
    frequency = class_frequency(predictions)
    order = hardest_first(key, frequency, prior_normalised_frequency(frequency, prior))
    return order, jnp.clip(jnp.sum(frequency > 0), 1, hard)


def require_share(fraction: float) -> None:
    """Raises InputError unless this is a hard class fraction."""
    if not 0 < fraction <= 1:
        raise InputError(f"hard_class_fraction: {fraction} found, expected a share of the classes, above 0, at most 1")


def hard_class_count(fraction: float) -> SelectorParameters:
    """K, for so many classes; at least one."""

    def count(classes: int) -> Int[Array, ""]:
        return jnp.int32(max(1, round(fraction * classes)))

    return count


def hard_class_fraction(selection: SelectorConfig) -> float | None:
    """The hard class fraction of a selection, also of a user's; None where it has none."""
    return getattr(selection, "hard_class_fraction", None)


def with_hard_classes(selection: SelectorConfig, fraction: float | None) -> SelectorConfig:
    """The selection with another hard class fraction; the same one where it has none, or None is given."""
    if fraction is None or hard_class_fraction(selection) is None:
        return selection
    config: Any = selection
    return dataclasses.replace(config, hard_class_fraction=fraction)
