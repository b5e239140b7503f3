"""Calibrated stacking (Chao et al. 2016; HAS paper, eq. 9): a bonus on the scores of unseen classes."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jzsl.evaluation.accuracy import harmonic_mean
from jzsl.evaluation.curve import SeenUnseenCurve

_ROUNDING = 1e-9
"""Means within it are equal: they are differences of sums of shares of classes."""


def calibrated(
    scores: Float[Array | np.ndarray, "n k"],
    factor: float | Float[Array, ""],
    is_seen: Bool[Array | np.ndarray, " k"],
) -> Float[Array, "n k"]:
    """Scores of unseen classes raised by `factor`, as against seen ones lowered by it: the order is the same."""
    return jnp.asarray(scores) + jnp.where(is_seen, 0.0, factor)


def best_factor(curve: SeenUnseenCurve) -> tuple[float, float]:
    """The factor of the largest harmonic mean, and that mean in [0, 1]; to be asked of validation classes.

    It is the middle of the whole interval of factors that share the largest mean, the first one if there are several.
    An interval without a lower or an upper end gives the end it has, moved into it by the mean distance of the
    curve's factors (by 1 if they are all the same); one without either gives 0.
    """
    means = np.array([harmonic_mean(seen, unseen) for seen, unseen in zip(curve.seen, curve.unseen, strict=True)])
    best = means.max()
    equal = means >= best - _ROUNDING
    first = int(np.argmax(equal))
    last = first + int(np.argmin(np.append(equal[first:], False))) - 1
    ends = np.concatenate([[-np.inf], curve.factor, [np.inf]])
    low, high = ends[first], ends[last + 1]
    if np.isinf(low) and np.isinf(high):
        return 0.0, float(best)
    step = float(curve.factor[-1] - curve.factor[0]) / max(len(curve.factor) - 1, 1) or 1.0
    if np.isinf(low):
        return float(high) - step, float(best)
    if np.isinf(high):
        return float(low) + step, float(best)
    return float(low + high) / 2, float(best)
