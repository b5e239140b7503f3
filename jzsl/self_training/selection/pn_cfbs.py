"""PN-CFBS: hardness sampling by prior-normalised class frequency (STHS, section 3.2)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from jzsl.keys import stream
from jzsl.self_training.parts import PriorConfig, Selector
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.selection.hard_classes import hard_class_count, hard_classes, require_share
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class PNCFBS:
    """Samples of the classes that are predicted too rarely for their share; for very unbalanced data."""

    hard_class_fraction: float = 0.8
    """K, the number of hard classes, as a share of the classes (STHS: 0.8 on AWA2, 0.9 on CUB, 0.75 on SUN)"""
    prior: PriorConfig = ThreeC()
    """the class prior that class frequencies are divided by"""

    def __post_init__(self):
        require_share(self.hard_class_fraction)

    def build(self) -> Selector:
        return Selector(pn_cfbs, hard_class_count(self.hard_class_fraction), self.prior.build())


def pn_cfbs(
    key: Key[Array, ""], parameters: int | Int[Array, ""], predictions: Predictions, request: SelectionRequest
) -> Selected:
    """Each of the K = `parameters` classes of the smallest f / p gives n / K samples.

    They are drawn from the samples predicted as the class, with replacement. Where n / K is no whole number the
    hardest classes give one more.
    """
    samples, classes = predictions.scores.shape
    # Samples that are not eligible belong to no class here.
    label = jnp.where(predictions.selectable, predictions.label, classes)
    order, taken = hard_classes(stream(key, "ties"), predictions, request.prior, parameters)
    # Slot j of the n draws belongs to the hard class j mod `taken`, hardest first.
    slot = jnp.arange(samples)
    column = order[slot % taken]
    by_class = jnp.argsort(label)
    count = jnp.bincount(label, length=classes + 1)[:classes]
    first = jnp.cumsum(count) - count
    uniform = jax.random.uniform(stream(key, "draws"), (samples,))
    within = jnp.minimum((uniform * count[column]).astype(jnp.int32), count[column] - 1)
    drawn = by_class[first[column] + within]
    return Selected(
        jnp.zeros(samples, jnp.int32).at[drawn].add((slot < request.n).astype(jnp.int32)), predictions.label
    )
