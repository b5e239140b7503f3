"""Calibrated stacking (Chao et al. 2016; HAS paper, eq. 9): an offset added to the scores of unseen classes."""

import numpy as np
from jaxtyping import Array, Bool, Float

from jzsl.metrics.accuracy import harmonic_mean
from jzsl.metrics.curve import SeenUnseenCurve


def column_offsets(
    offset: float | Float[Array, ""], is_seen: Bool[Array | np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """The calibration offset of each column: unseen classes are raised by it, as against seen ones lowered by it."""
    return np.where(is_seen, np.float32(0), np.float32(offset))


def best_offset(curve: SeenUnseenCurve) -> tuple[float, float]:
    """The calibration offset of the largest harmonic mean, and that mean in [0, 1]; to be asked of validation classes.

    Within the interval of offsets that share the largest mean it is the middle one.
    """
    means = [harmonic_mean(seen, unseen) for seen, unseen in zip(curve.seen, curve.unseen, strict=True)]
    best = max(range(len(means)), key=means.__getitem__)
    low = curve.offset[max(best - 1, 0)]
    high = curve.offset[min(best, len(curve.offset) - 1)]
    return float(low + high) / 2, means[best]
