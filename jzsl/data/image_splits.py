"""Splits of labelled pictures: by their folders or flags where these say so, else at random, always the same."""

from typing import NamedTuple

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
    used: Bool[np.ndarray, " n"] | None = None,
) -> tuple[Splits, tuple[str, ...]]:
    """Splits, and notes on those that were made here.

    Args:
        labels: class of each picture, from 0.
        unseen: classes all of whose pictures are test samples; those without any training sample are added.
        test: test samples; None: a random share of each seen class.
        validation: training samples that are held out while settings are chosen; None: a random fifth.
        fraction: of each seen class's samples, for testing, where `test` is None; between 0 and 1.
        used: samples that splits may name; None: all.

    Raises:
        InputError: if the fraction is none.
    """
    if not 0 < fraction < 1:
        raise InputError(f"test: {fraction} found, expected a share between 0 and 1")
    notes = []
    used = np.ones(len(labels), bool) if used is None else used
    if test is not None:
        unseen = np.union1d(unseen, np.setdiff1d(labels[test & used], labels[~test & used]))
    of_unseen = used & np.isin(labels, unseen)
    of_seen = np.flatnonzero(used & ~of_unseen)
    if test is None:
        test_seen = holdout_samples(of_seen, labels, fraction)
        notes.append(f"no test split: a fixed random {100 * fraction:g} % of each class")
    else:
        test_seen = np.flatnonzero(test & used & ~of_unseen)
    train = np.setdiff1d(of_seen, test_seen)
    classes, how = validation_classes(np.unique(labels[train]))
    notes.append(f"validation classes: {how}")
    rest = train[~np.isin(labels[train], classes)]
    held_out = holdout_samples(rest, labels, 0.2, seed=1) if validation is None else rest[validation[rest]]
    return Splits(train, test_seen, np.flatnonzero(of_unseen), classes, held_out), tuple(notes)


class DomainSplit(NamedTuple):
    """Samples of the target domain (None: there is none), and those of it and the source domains (None: all)."""

    test: Bool[np.ndarray, " n"] | None
    used: Bool[np.ndarray, " n"] | None


def domain_split(
    domains: Int[np.ndarray, " n"], names: tuple[str, ...], target: str | None, sources: tuple[str, ...] | None
) -> DomainSplit:
    """The samples of the target domain, and those of it and the source domains.

    Args:
        domains: of each sample, an index into `names`.
        names: of the domains.
        target: the domain to test on; None: there is none.
        sources: the domains to train on; None: all but the target.

    Raises:
        InputError: if there is no such domain, the target is a source, or sources are given without a target.
    """
    if target is None:
        if sources is not None:
            raise InputError(f"sources: {', '.join(sources)} found without a target, expected one to test on")
        return DomainSplit(None, None)
    for field, given in (("target", (target,)), ("sources", sources or ())):
        for name in given:
            if name not in names:
                known = ", ".join(map(repr, names)) or "no domains"
                raise InputError(f"{field}: {name!r} found, expected one of {known}")
    test = domains == names.index(target)
    if sources is None:
        return DomainSplit(test, None)
    if target in sources:
        raise InputError(f"sources: {target!r} found, which is the target; expected other domains")
    if not sources:
        raise InputError("sources: none found, expected at least one domain to train on")
    return DomainSplit(test, test | np.isin(domains, [names.index(name) for name in sources]))
