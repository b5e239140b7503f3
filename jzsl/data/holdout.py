"""Validation classes and held-out samples for sources whose files do not name them."""

import numpy as np

_FEWEST_SEEN = 4
"""Two validation classes, because with one every prediction is right, and two others to learn from."""


def holdout_samples(indices: np.ndarray, labels: np.ndarray, fraction: float, seed: int = 0) -> np.ndarray:
    """About `fraction` of each class's samples, at least one where a class has two, sorted.

    Args:
        indices: of the samples to choose from.
        labels: int[n], the labels that `indices` indexes.
        fraction: share to hold out, between 0 and 1.
        seed: the same seed gives the same samples.
    """
    random = np.random.default_rng(seed)
    held_out = [np.zeros(0, np.int64)]
    for label in np.unique(labels[indices]):
        members = np.sort(indices[labels[indices] == label])
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        held_out.append(random.choice(members, count, replace=False))
    return np.sort(np.concatenate(held_out))


def holdout_classes(seen: np.ndarray, fraction: float = 0.2, seed: int = 0) -> np.ndarray:
    """About `fraction` of the seen classes, at least two; none where that would leave fewer than two."""
    if len(seen) < _FEWEST_SEEN:
        return np.zeros(0, np.int64)
    count = min(max(2, round(fraction * len(seen))), len(seen) - 2)
    return np.sort(np.random.default_rng(seed).choice(seen, count, replace=False))


def validation_classes(seen: np.ndarray, seed: int = 0) -> tuple[np.ndarray, str]:
    """`holdout_classes`, and a note on how they were chosen."""
    classes = holdout_classes(seen, seed=seed)
    if not len(classes):
        return classes, f"none: there are {len(seen)} seen classes, but two to hold out and two others are needed"
    if round(0.2 * len(seen)) < 2:
        return classes, f"two of the {len(seen)} seen ones at random, fixed"
    return classes, "a fixed random fifth of the seen ones"
