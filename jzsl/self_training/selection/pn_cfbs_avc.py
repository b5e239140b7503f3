"""PN-CFBS-AVC: the hard classes of STHS, and in each the samples of the highest angular visual confidence.

From neither paper: a combination of the two. STHS draws at random among the samples predicted as a hard
class, whose pseudo-labels are the least reliable; AVC (AVH paper, eq. 3) ranks them by reliability.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from jzsl.hardness.angular import avc
from jzsl.self_training.parts import PriorConfig, Selector
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.selection.class_balanced import rank_within_class
from jzsl.self_training.selection.hard_classes import hard_class_count, hard_classes, require_share
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class PNCFBSAVC:
    """The most confident samples, by angles, of the classes that are predicted too rarely for their share."""

    hard_class_fraction: float = 0.8
    """K, the number of hard classes, as a share of the classes"""
    prior: PriorConfig = ThreeC()
    """the class prior that class frequencies are divided by"""

    def __post_init__(self):
        require_share(self.hard_class_fraction)

    def build(self) -> Selector:
        return Selector(pn_cfbs_avc, hard_class_count(self.hard_class_fraction), self.prior.build(), uses_angles=True)


def pn_cfbs_avc(
    key: Key[Array, ""], parameters: int | Int[Array, ""], predictions: Predictions, request: SelectionRequest
) -> Selected:
    """Each of the K = `parameters` classes of the smallest f / p gives n / K samples, those of the largest AVC.

    Where that is no whole number the hardest classes give one more. A class with fewer predicted samples than its
    quota gives all of them equally often, the most confident once more than the others.
    """
    label, classes = predictions.label, predictions.scores.shape[1]
    order, taken = hard_classes(key, predictions, request.prior, parameters)
    position = jnp.argsort(order)
    quota = jnp.where(position < taken, request.n // taken + (position < request.n % taken), 0)[label]
    confidence = jnp.take_along_axis(avc(predictions.angles), label[:, None], 1)[:, 0]
    rank, count = rank_within_class(confidence, label, predictions.selectable, classes)
    count = jnp.maximum(count[label], 1)
    times = quota // count + (rank < quota % count)
    return Selected(jnp.where(predictions.selectable, times, 0).astype(jnp.int32), label)
