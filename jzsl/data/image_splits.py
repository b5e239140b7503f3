"""Splits of labelled pictures: by their folders or flags where these say so, else at random, always the same."""

import numpy as np
from jaxtyping import Bool, Int

from jzsl.data.holdout import holdout_samples, validation_classes
from jzsl.errors import InputError
from jzsl.problem.splits import Splits


def image_splits(
    labels: Int[np.ndarray, " n"],
    unseen: Int[np.ndarray, " u"],
    test: Bool[np.ndarray, " n"] | None,
    validation: Bool[np.ndarray, " n"] | None,
    fraction: float,
) -> tuple[Splits, tuple[str, ...]]:
    """Splits, and notes on those that were made here.

    Args:
        labels: class of each picture, from 0.
        unseen: classes all of whose pictures are test samples; those without any training sample are added.
        test: test samples; None: a random share of each seen class.
        validation: training samples that are held out while settings are chosen; None: a random fifth.
        fraction: of each seen class's samples, for testing, where `test` is None; between 0 and 1.

    Raises:
        InputError: if the fraction is none.
    """
    if not 0 < fraction < 1:
        raise InputError(f"test: {fraction} found, expected a share between 0 and 1")
    notes = []
    if test is not None:
        unseen = np.union1d(unseen, np.setdiff1d(labels[test], labels[~test]))
    of_unseen = np.isin(labels, unseen)
    of_seen = np.flatnonzero(~of_unseen)
    if test is None:
        test_seen = holdout_samples(of_seen, labels, fraction)
        notes.append(f"no test split: a fixed random {100 * fraction:g} % of each class")
    else:
        test_seen = np.flatnonzero(test & ~of_unseen)
    train = np.setdiff1d(of_seen, test_seen)
    classes, how = validation_classes(np.unique(labels[train]))
    notes.append(f"validation classes: {how}")
    rest = train[~np.isin(labels[train], classes)]
    held_out = holdout_samples(rest, labels, 0.2, seed=1) if validation is None else rest[validation[rest]]
    return Splits(train, test_seen, np.flatnonzero(of_unseen), classes, held_out), tuple(notes)


def domain_split(
    domains: Int[np.ndarray, " n"], names: tuple[str, ...], target: str | None
) -> Bool[np.ndarray, " n"] | None:
    """The samples of the target domain; None where no domain is one.

    Raises:
        InputError: if there is no such domain.
    """
    if target is None:
        return None
    if target not in names:
        raise InputError(f"target: {target!r} found, expected one of {', '.join(map(repr, names)) or 'no domains'}")
    return domains == names.index(target)
