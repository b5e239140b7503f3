"""The choice of a length of training from a noisy validation curve."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


class Choice(NamedTuple):
    """A chosen evaluation of a curve; evaluations are numbered from 0.

    Attributes:
        chosen: the first one whose smoothed value is within one standard error of the best.
        best: that of the largest smoothed value.
        last: the last one within one standard error of the best.
        smoothed: the smoothed curve.
        error: standard error of each smoothed value's difference from the best.
    """

    chosen: int
    best: int
    last: int
    smoothed: Float[np.ndarray, " e"]
    error: Float[np.ndarray, " e"]


def choose(curves: Float[np.ndarray, "s e"], first: int = 0) -> Choice:
    """The choice from the validation curves of s seeds at e evaluations, by their mean.

    Args:
        curves: any metric of which more is better.
        first: earlier evaluations are not candidates; the last one always is.

    Which standard error? All evaluations are of the same classes, so the spread of accuracy over classes, some ten
    points, is common to them and cancels in their difference. What is left is the noise of a single evaluation, and how
    differently the classes gain from training. The latter could be estimated only over the validation classes, often a
    handful; the fewer they are the wider its error, and the earlier it would stop, where a model trained too briefly
    loses more than one trained too long. So the error here is that of the noise: evaluations e and b have the smoothed
    values l_e v and l_b v with rows l of the smoother, and their difference the standard error noise * ||l_e - l_b||,
    which is small for neighbours, whose windows overlap. The range within one standard error is therefore that of these
    validation classes; others may prefer another length.
    """
    mean = np.mean(curves, axis=0)
    smoother = moving_average(len(mean))
    smoothed = smoother @ mean
    first = min(first, len(mean) - 1)
    best = first + int(smoothed[first:].argmax())
    error = noise(mean) * np.linalg.norm(smoother - smoother[best], axis=1)
    within = first + np.flatnonzero((smoothed >= smoothed[best] - error)[first:])
    return Choice(int(within[0]), best, int(within[-1]), smoothed, error)


def moving_average(count: int) -> Float[np.ndarray, "e e"]:
    """The rows of a smoother: the mean over a window of half an evaluation's number, a quarter to each side.

    Training moves fast at first and slowly later, so the window grows: evaluation 1 stands alone, evaluation 20 is the
    mean of 15 to 25. At the end of the curve the window is cut.
    """
    number = np.arange(1, count + 1)
    rows = (np.abs(number - number[:, None]) <= number[:, None] // 4).astype(float)
    return rows / rows.sum(1, keepdims=True)


def noise(curve: Float[np.ndarray, " e"]) -> float:
    """The standard deviation of single evaluations about a smooth curve, from second differences.

    A second difference of independent values has six times their variance (Gasser, Sroka and Jennen-Steinmetz 1986);
    the median keeps the bend at the start of training out. Zero where there are fewer than three evaluations.
    """
    if len(curve) < 3:
        return 0.0
    return float(_NORMAL * np.median(np.abs(np.diff(curve, 2))) / np.sqrt(6))


def settled(curve: Float[np.ndarray, " e"], patience: int, first: int = 0) -> bool:
    """Whether a seed's choice is at least `patience` evaluations old: none of these is better by more than one standard
    error."""
    return len(curve) - 1 - max(first, choose(curve[None], first).chosen) >= patience
