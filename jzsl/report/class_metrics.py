"""Metrics class by class: accuracy, how often a class is predicted, confusion, and the class prior that was used."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.metrics import confusion_matrix

from jzsl.driver.predictions import TaskPredictions
from jzsl.metrics.accuracy import per_class_accuracy
from jzsl.report.run_artifacts import RunArtifacts

MOST_CLASSES = 1000
"""With more, there is no confusion matrix, and tables of classes show the best and the worst ones."""
NO_PRIOR = "uniform"
"""The class prior of runs that use none."""


class ClassMetrics(NamedTuple):
    """A task's predictions, class by class, in percent.

    Attributes:
        classes: those with test samples.
        accuracy: of each of them, one row per seed.
        candidates: the classes that a sample may be predicted as.
        predicted: share of the test samples that are predicted as each candidate, one row per seed.
        true: share of the test samples that belong to it.
        confusion: of classes (rows) with candidates (columns), mean over seeds; rows add up to 100. None for more than
            `MOST_CLASSES` candidates.
    """

    classes: Int[np.ndarray, " c"]
    accuracy: Float[np.ndarray, "s c"]
    candidates: Int[np.ndarray, " k"]
    predicted: Float[np.ndarray, "s k"]
    true: Float[np.ndarray, " k"]
    confusion: Float[np.ndarray, "c k"] | None


def class_metrics(seeds: list[TaskPredictions]) -> ClassMetrics:
    """Of one task, from the predictions of all seeds."""
    truth, candidates = seeds[0].truth, seeds[0].candidates
    classes = np.unique(truth)
    size = max(candidates.max(), truth.max()) + 1
    shares = [np.bincount(one.predicted, minlength=size)[candidates] for one in seeds]
    true = np.bincount(truth, minlength=size)[candidates]
    return ClassMetrics(
        classes,
        100 * np.array([per_class_accuracy(one.truth, one.predicted, classes) for one in seeds]),
        candidates,
        100 * np.array(shares) / len(truth),
        100 * true / len(truth),
        _confusion(seeds, classes, candidates) if len(candidates) <= MOST_CLASSES else None,
    )


def _confusion(
    seeds: list[TaskPredictions], classes: Int[np.ndarray, " c"], candidates: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "c k"]:
    every = np.union1d(classes, candidates)
    tables = [confusion_matrix(one.truth, one.predicted, labels=every, normalize="true") for one in seeds]
    return 100 * np.mean(tables, axis=0)[np.searchsorted(every, classes)][:, np.searchsorted(every, candidates)]


def prior_name(run: RunArtifacts) -> str:
    """Where the class prior came from."""
    name = run.result["class_prior"]
    return "known prior" if name == "known" else f"prior by {name}"


def estimated_prior(run: RunArtifacts) -> Float[np.ndarray, "s k"] | None:
    """The class prior of the last round of each seed, in percent, one column per candidate of the first task.

    None where no prior was used, or where it is of another task's samples.
    """
    if not run.has_rounds or run.result["class_prior"] == NO_PRIOR or run.experiment.unlabelled != run.task:
        return None
    last = {line["seed"]: line["class_prior"] for line in run.lines() if "class_prior" in line}
    return 100 * np.array([last[seed] for seed in sorted(last)]) if last else None
