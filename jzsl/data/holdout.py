"""Validation classes and held-out rows for sources whose files do not name them."""

import numpy as np


def holdout_rows(rows: np.ndarray, labels: np.ndarray, fraction: float, seed: int = 0) -> np.ndarray:
    """About `fraction` of each class's rows, at least one where a class has two, sorted.

    Args:
        rows: indices to choose from.
        labels: int[n], the labels that `rows` indexes.
        fraction: share to hold out, between 0 and 1.
        seed: the same seed gives the same rows.
    """
    random = np.random.default_rng(seed)
    held_out = [np.zeros(0, np.int64)]
    for label in np.unique(labels[rows]):
        members = np.sort(rows[labels[rows] == label])
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        held_out.append(random.choice(members, count, replace=False))
    return np.sort(np.concatenate(held_out))


def holdout_classes(seen: np.ndarray, fraction: float = 0.2, seed: int = 0) -> np.ndarray:
    """About `fraction` of the seen classes, at least one, none where there is a single class."""
    count = min(max(1, round(fraction * len(seen))), len(seen) - 1)
    return np.sort(np.random.default_rng(seed).choice(seen, count, replace=False))
