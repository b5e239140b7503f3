"""What sources of clusters to be discovered share: samples to learn from and held-out ones, and the clusters' names."""

from dataclasses import replace
from typing import Literal

import numpy as np

from jzsl.data.class_count.estimate import CountEstimator
from jzsl.data.holdout import holdout_samples
from jzsl.errors import InputError
from jzsl.problem.problem import Problem
from jzsl.problem.splits import NONE
from jzsl.types import UNLABELLED


def require_share(held_out: float) -> None:
    """Raises an InputError unless this is a share of samples that leaves some."""
    if not 0 <= held_out < 1:
        raise InputError(f"held_out: {held_out} found, expected a number from 0 to below 1")


def require_labels_unused(problem: Problem) -> None:
    """Raises an InputError if labels, some of which are about to be taken away, have chosen what samples are."""
    if problem.provenance.labels_used:
        raise InputError(
            f"{problem.provenance.origin}: {problem.provenance.labels_used}; labels are taken away here, so let them "
            "choose nothing, or put that source around this one"
        )


def divided(
    problem: Problem, classes: np.ndarray, learned: np.ndarray, held_out: float
) -> tuple[np.ndarray, np.ndarray]:
    """The samples of some classes to learn from, of those in `learned`, and those that are held out, both sorted.

    A class keeps the training and test samples of its source where it has both; of any other class a fixed random
    share is held out, none where that share is 0.
    """
    splits, labels = problem.splits, problem.labels
    tested = np.concatenate([splits.test_seen, splits.test_unseen])
    parts: list[tuple[np.ndarray, np.ndarray]] = [(NONE, NONE)]
    for number in classes:
        train, test = (side[labels[side] == number] for side in (learned, tested))
        if not len(train) or not len(test):
            every = np.concatenate([train, test])
            test = holdout_samples(every, labels, held_out) if held_out else NONE
            train = np.setdiff1d(every, test)
        parts.append((train, test))
    train, test = (np.sort(np.concatenate(side)) for side in zip(*parts, strict=True))
    return train, test


def counted(
    problem: Problem,
    train: np.ndarray,
    unlabelled: np.ndarray,
    clusters: int | Literal["estimated"] | None,
    estimator: CountEstimator,
) -> tuple[int, str]:
    """The number of clusters, and how it came about.

    Args:
        problem: of the samples.
        train: the labelled ones.
        unlabelled: in which clusters are to be discovered.
        clusters: as the source's option; None: as many as the unlabelled samples have classes.
        estimator: used where it says so, on samples as they are.

    Raises:
        InputError: if there is neither a number nor a label of each unlabelled sample to count classes by; if there are
            fewer samples than clusters.
    """
    unknown = int(np.sum(problem.labels[unlabelled] == UNLABELLED))
    if clusters is None and unknown:
        raise InputError(
            f"{problem.provenance.origin}: clusters: None found, expected a number or estimated: {unknown} samples "
            "have no label, so that their classes cannot be counted"
        )
    if clusters is None:
        return len(np.unique(problem.labels[unlabelled])), "given"
    if isinstance(clusters, int) and clusters > len(unlabelled):
        raise InputError(
            f"{problem.provenance.origin}: clusters: {clusters} found, expected at most {len(unlabelled)}, the number "
            "of unlabelled samples"
        )
    if clusters != "estimated":
        return clusters, "given"
    labels = problem.labels[train]
    estimate = estimator.estimate(problem.samples[train], labels, problem.samples[unlabelled])
    return estimate.classes, estimate.words


def with_cluster_names(names: tuple[str, ...], word: str, count: int) -> tuple[str, ...]:
    """The names of a problem's classes, followed by those of clusters: `word`-1, `word`-2, ..."""
    if count < 1:
        raise InputError(f"clusters: {count} found, expected at least 1")
    return (*names, *(f"{word}-{number}" for number in range(1, count + 1)))


def with_number(problem: Problem, count: int) -> Problem:
    """A problem with clusters to be discovered, with another number of them.

    Raises:
        InputError: if that is below 1.
    """
    classes = problem.class_names[: len(problem.class_names) - problem.clusters]
    word = problem.class_names[-1].rpartition("-")[0]
    return replace(problem, class_names=with_cluster_names(classes, word, count), clusters=count)
