"""The class prior by black-box shift estimation (Lipton, Wang and Smola 2018); STHS did not try it."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.self_training.parts import PriorEstimator
from jzsl.self_training.selection.hard_classes import class_frequency
from jzsl.types import Predictions


@dataclass(frozen=True)
class BBSE:
    """Black-box shift estimation, by how the base confuses samples that it generates itself."""

    def build(self) -> PriorEstimator:
        def estimate(
            prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
        ) -> Float[Array, " k"]:
            del prepared
            assert confusion is not None
            return bbse_prior(confusion, class_frequency(predictions))

        return PriorEstimator(estimate, needs_generated=True, name="BBSE")


def confusion_matrix(label: Int[Array, " s"], predicted: Int[Array, " s"], classes: int) -> Float[Array, "k k"]:
    """Entry (i, j): the share of the samples of class j that are predicted as class i; columns add up to 1."""
    counts = jnp.zeros((classes, classes), jnp.int32).at[predicted, label].add(1)
    return counts / jnp.maximum(counts.sum(0), 1)


def bbse_prior(confusion: Float[Array, "k k"], frequency: Float[Array, " k"]) -> Float[Array, " k"]:
    """p with confusion p = frequency, in the sense of least squares, its negative entries set to 0 (their eq. 3).

    Args:
        confusion: of the classifier on labelled samples, here generated ones.
        frequency: share of the unlabelled samples predicted as each class.
    """
    solution = jnp.maximum(jnp.linalg.lstsq(confusion, frequency)[0], 0.0)
    total = solution.sum()
    return jnp.where(total > 0, solution / jnp.where(total > 0, total, 1.0), 1 / len(frequency))
