"""What the result of a run says about its clusters without any label: their sizes, and their silhouette."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from sklearn.metrics import silhouette_score

from jzsl.config import Experiment
from jzsl.data.class_count.estimate import reduced, some
from jzsl.driver import predictions
from jzsl.problem.problem import Problem
from jzsl.tasks.old_held_out import OldHeldOut

SAMPLES = 1500
"""Samples that the silhouette is of, at most."""


def cluster_validity(experiment: Experiment, problem: Problem, out: Path) -> dict[str, Any]:
    """What is added to the entry `clusters` of result.json, from the predictions that a finished run has saved.

    Returns:
        sizes: for each seed, how many samples are in each cluster, by its name: those of the first task of new classes
            alone, or else of the first that has some of them; neither entry where no task has.
        silhouette: `silhouette` of each seed.
    """
    tasks, clusters = [task for task in experiment.tasks if not isinstance(task, OldHeldOut)], problem.cluster_classes
    if not tasks:
        return {}
    task = min(tasks, key=lambda task: task.seen)
    sizes, silhouettes = [], []
    for seed in range(experiment.seeds):
        predicted = predictions.load(out, seed, [task])[task.name]
        member = np.isin(predicted.predicted, clusters)
        cluster = predicted.predicted[member] - clusters[0]
        count = np.bincount(cluster, minlength=len(clusters)).tolist()
        sizes.append({problem.class_names[number]: size for number, size in zip(clusters, count, strict=True)})
        silhouettes.append(silhouette(problem, predicted.samples[member], cluster))
    return {"sizes": sizes, "silhouette": silhouettes}


def silhouette(problem: Problem, samples: Int[np.ndarray, " m"], cluster: Int[np.ndarray, " m"]) -> float | None:
    """The mean silhouette (Rousseeuw 1987), between -1 and 1, of at most 1,500 samples, as they are in the problem, in
    the first 50 principal components of these.

    None where it is not defined, for a single cluster or none that has two samples, and where entries of samples are
    not observed.

    Args:
        problem: of the samples.
        samples: indices of its samples.
        cluster: of each of them.
    """
    chosen = some(samples, SAMPLES, np.random.default_rng(0))
    label = cluster[chosen]
    if problem.observed is not None or not 1 < len(np.unique(label)) < len(label):
        return None
    return float(silhouette_score(reduced(problem.samples[samples[chosen]])[0], label))
