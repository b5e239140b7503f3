"""PN-CFBS-AVC: hard classes as STHS finds them, and in each the rows that angular visual confidence is surest of.

Of neither paper; it joins them. STHS draws at random among the rows predicted as a hard class, and those classes are
the ones whose labels are least to be trusted; AVC (AVH paper, eq. 3) says which of the rows to trust.
"""

import jax.numpy as jnp
from jaxtyping import Array, Key

from jzsl.hardness.angular import avc
from jzsl.self_training.selection.class_balanced import rank_within_class
from jzsl.self_training.selection.hardness import hard_classes
from jzsl.types import Predictions, Selected, SelectionRequest


def pn_cfbs_avc(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """Each of the `hard` classes of the smallest f / p gives n / hard rows, those of the largest AVC.

    Where that is no whole number the hardest classes give one more. A class asked for more rows than are predicted as
    it gives all of them equally often, the surest once more than the others.
    """
    label, classes = predictions.label, predictions.scores.shape[1]
    order, taken = hard_classes(key, predictions, request.prior, request.hard)
    place = jnp.argsort(order)
    quota = jnp.where(place < taken, request.n // taken + (place < request.n % taken), 0)[label]
    sure = jnp.take_along_axis(avc(predictions.angles), label[:, None], 1)[:, 0]
    rank, count = rank_within_class(sure, label, predictions.selectable, classes)
    count = jnp.maximum(count[label], 1)
    times = quota // count + (rank < quota % count)
    return Selected(jnp.where(predictions.selectable, times, 0).astype(jnp.int32), label)
