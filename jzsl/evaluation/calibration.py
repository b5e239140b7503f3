"""Calibrated stacking (Chao et al. 2016; HAS paper, eq. 9): a bonus on the scores of unseen classes."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jzsl.evaluation.accuracy import harmonic_mean
from jzsl.evaluation.curve import SeenUnseenCurve


def calibrated(
    scores: Float[Array | np.ndarray, "n k"],
    factor: float | Float[Array, ""],
    is_seen: Bool[Array | np.ndarray, " k"],
) -> Float[Array, "n k"]:
    """Scores of unseen classes raised by `factor`, as against seen ones lowered by it: the order is the same."""
    return jnp.asarray(scores) + jnp.where(is_seen, 0.0, factor)


def best_factor(curve: SeenUnseenCurve) -> tuple[float, float]:
    """The factor of the largest harmonic mean, and that mean in [0, 1]; to be asked of validation classes.

    Within the interval of factors that share the largest mean it is the middle one.
    """
    means = [harmonic_mean(seen, unseen) for seen, unseen in zip(curve.seen, curve.unseen, strict=True)]
    best = max(range(len(means)), key=means.__getitem__)
    low = curve.factor[max(best - 1, 0)]
    high = curve.factor[min(best, len(curve.factor) - 1)]
    return float(low + high) / 2, means[best]
