"""Per-class accuracy and its means (protocol, rule 1)."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.metrics import recall_score


def per_class_accuracy(
    y: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], classes: Int[np.ndarray, " c"]
) -> Float[np.ndarray, " c"]:
    """Share of each class's samples that were predicted as it, in [0, 1]; every class must have a sample."""
    average: Any = None  # scikit-learn's own annotation lacks the documented None
    return np.asarray(recall_score(y, predicted, labels=classes, average=average))


def mean_per_class_accuracy(
    y: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], classes: Int[np.ndarray, " c"]
) -> float:
    """Average per-class top-1 accuracy over `classes` (T1, U or S of the papers), in [0, 1]."""
    return float(per_class_accuracy(y, predicted, classes).mean())


def harmonic_mean(seen: float, unseen: float) -> float:
    """H = 2 S U / (S + U) (ABP paper, section 5.3); 0 where both are 0."""
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0
