"""Which samples of a problem are for training and which for testing, and the checks of such splits."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jzsl.types import UNLABELLED

NONE = np.zeros(0, np.int64)
"""No samples, or no classes."""


class Splits(NamedTuple):
    """Indices of samples from 0, and the classes to hold out for choosing settings.

    Attributes:
        train: labelled samples of seen classes.
        test_seen: other samples of seen classes; may be empty, then the problem has no generalized task.
        test_unseen: samples of the unseen classes; empty where source and target domain share their classes, and then
            test_seen holds the target's samples.
        validation_classes: seen classes treated as unseen while settings are chosen.
        validation_seen: training samples of the other seen classes, held out at the same time.
        unlabelled: samples to learn from without their labels, in none of the other splits; usually empty.
    """

    train: np.ndarray
    test_seen: np.ndarray
    test_unseen: np.ndarray
    validation_classes: np.ndarray
    validation_seen: np.ndarray
    unlabelled: np.ndarray = NONE


def split_errors(splits: Splits, labels: np.ndarray, names: tuple[str, ...]) -> Iterator[str]:
    """What makes the splits of a problem unusable, one sentence each.

    Args:
        splits: to be checked.
        labels: int[n], each in range or UNLABELLED.
        names: of the classes.
    """
    for name, index in splits._asdict().items():
        size = len(names) if name == "validation_classes" else len(labels)
        if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
            yield f"splits.{name}: {index.dtype} array of shape {index.shape}, expected a list of integers"
            return
        if len(index) and (index.min() < 0 or index.max() >= size):
            wrong = index.min() if index.min() < 0 else index.max()
            yield f"splits.{name}: index {wrong} found, expected 0 to {size - 1}"
            return
        if len(np.unique(index)) < len(index):
            yield f"splits.{name}: {len(index) - len(np.unique(index))} indices occur more than once"
    unknown = np.setdiff1d(np.flatnonzero(labels == UNLABELLED), splits.unlabelled)
    if len(unknown):
        yield (
            f"labels: sample {unknown[0]} has label {UNLABELLED}, expected that of a class; "
            "only samples in splits.unlabelled may have none"
        )
        return
    if not len(splits.train) and not len(splits.unlabelled):
        yield "splits.train: no samples"
        return
    if not len(splits.test_unseen) and not len(splits.test_seen) and not len(splits.unlabelled):
        yield "splits.test_unseen: no samples; none in test_seen either"
        return
    disjoint = ("train", "test_seen", "test_unseen", "unlabelled")
    for number, first in enumerate(disjoint):
        for second in disjoint[number + 1 :]:
            shared = np.intersect1d(getattr(splits, first), getattr(splits, second))
            if len(shared):
                yield (
                    f"splits: {first} and {second} share {len(shared)} samples, {shared[0]} among them; expected none"
                )
    yield from _class_errors(splits, labels, names)


def _class_errors(splits: Splits, labels: np.ndarray, names: tuple[str, ...]) -> Iterator[str]:
    """Classes that are in a split in which they must not be."""
    seen, unseen = np.unique(labels[splits.train]), np.unique(labels[splits.test_unseen])
    both = np.intersect1d(seen, unseen)
    if len(both):
        count = np.sum(labels[splits.train] == both[0])
        yield f"splits: unseen class {names[both[0]]!r} has {count} training samples, expected none"
    stray = np.setdiff1d(labels[splits.test_seen], seen)
    if len(stray):
        yield f"splits.test_seen: class {names[stray[0]]!r} has no training samples"
    stray = np.setdiff1d(splits.validation_classes, seen)
    if len(stray):
        yield f"splits.validation_classes: class {names[stray[0]]!r} has no training samples"
    if len(splits.validation_classes) and not len(np.setdiff1d(seen, splits.validation_classes)):
        yield "splits.validation_classes: every seen class is one, expected some left to train on"
    stray = np.setdiff1d(splits.validation_seen, splits.train)
    if len(stray):
        yield f"splits.validation_seen: sample {stray[0]} is no training sample"
    stray = splits.validation_seen[np.isin(labels[splits.validation_seen], splits.validation_classes)]
    if len(stray):
        yield f"splits.validation_seen: sample {stray[0]} belongs to validation class {names[labels[stray[0]]]!r}"
