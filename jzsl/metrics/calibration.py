"""Calibrated stacking (Chao et al. 2016; HAS paper, eq. 9): an offset added to the scores of unseen classes."""

import numpy as np
from jaxtyping import Array, Bool, Float

from jzsl.metrics.accuracy import harmonic_mean
from jzsl.metrics.curve import SeenUnseenCurve

_ROUNDING = 1e-9


def column_offsets(
    offset: float | Float[Array, ""], is_seen: Bool[Array | np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """What is added to the scores of each column: the calibration offset for unseen classes, 0 for seen ones."""
    return np.where(is_seen, np.float32(0), np.float32(offset))


def best_offset(curve: SeenUnseenCurve) -> tuple[float, float]:
    """The calibration offset of the largest harmonic mean, and that mean in [0, 1]; for validation classes only.

    It is the middle of the whole interval of offsets that share the largest mean, the first one if there are several.
    An interval without a lower or an upper end gives the end it has, moved into it by the mean distance of the
    curve's offsets (by 1 if they are all the same); one without either gives 0.
    """
    means = np.array([harmonic_mean(seen, unseen) for seen, unseen in zip(curve.seen, curve.unseen, strict=True)])
    best = means.max()
    equal = means >= best - _ROUNDING
    first = int(np.argmax(equal))
    last = first + int(np.argmin(np.append(equal[first:], False))) - 1
    ends = np.concatenate([[-np.inf], curve.offset, [np.inf]])
    low, high = ends[first], ends[last + 1]
    if np.isinf(low) and np.isinf(high):
        return 0.0, float(best)
    step = float(curve.offset[-1] - curve.offset[0]) / max(len(curve.offset) - 1, 1) or 1.0
    if np.isinf(low):
        return float(high) - step, float(best)
    if np.isinf(high):
        return float(low) + step, float(best)
    return float(low + high) / 2, float(best)
