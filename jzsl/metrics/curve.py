"""The seen-unseen curve of calibrated stacking, exact, and the area under it (AUSUC)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class SeenUnseenCurve(NamedTuple):
    """Accuracies as the calibration offset grows from minus to plus infinity; `len(offset) + 1` points.

    Point i holds for every offset between `offset[i - 1]` and `offset[i]`. Accuracies are in [0, 1].
    """

    offset: Float[np.ndarray, " m"]
    seen: Float[np.ndarray, " p"]
    unseen: Float[np.ndarray, " p"]

    @property
    def area(self) -> float:
        """Area under seen accuracy as a function of unseen accuracy, by trapezoids, in [0, 1]."""
        return float(np.trapezoid(self.seen, self.unseen))


def seen_unseen_curve(
    scores: Float[np.ndarray, "n k"],
    y: Int[np.ndarray, " n"],
    candidates: Int[np.ndarray, " k"],
    is_seen: Bool[np.ndarray, " k"],
) -> SeenUnseenCurve:
    """Per-class accuracies of argmax(scores + offset * [class is unseen]) for every offset.

    A sample switches from its best seen to its best unseen class where the offset passes the difference of their
    scores, so sorting these differences gives the whole curve (Chao et al. 2016, calibrated stacking).

    Args:
        scores: one column per candidate class.
        y: true classes; both seen and unseen ones must occur.
        candidates: the class of each column.
        is_seen: which columns are seen classes.
    """
    seen_scores, unseen_scores = scores[:, is_seen], scores[:, ~is_seen]
    threshold = seen_scores.max(1) - unseen_scores.max(1)
    right_as_seen = candidates[is_seen][seen_scores.argmax(1)] == y
    right_as_unseen = candidates[~is_seen][unseen_scores.argmax(1)] == y

    classes, inverse, counts = np.unique(y, return_inverse=True, return_counts=True)
    from_seen = np.isin(classes, candidates[is_seen])
    group_sizes = np.where(from_seen, from_seen.sum(), (~from_seen).sum())
    weight = (1 / (counts * group_sizes))[inverse]
    seen_weight = weight * right_as_seen * from_seen[inverse]
    unseen_weight = weight * right_as_unseen * ~from_seen[inverse]

    offset, position = np.unique(threshold, return_inverse=True)
    lost = np.bincount(position, seen_weight, len(offset))
    gained = np.bincount(position, unseen_weight, len(offset))
    return SeenUnseenCurve(
        offset,
        seen_weight.sum() - np.concatenate([[0.0], np.cumsum(lost)]),
        np.concatenate([[0.0], np.cumsum(gained)]),
    )
