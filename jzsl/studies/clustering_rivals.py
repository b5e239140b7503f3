"""Clusterings that predict nothing for new samples, beside k-means, on the samples of the unseen classes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from jzsl.methods.k_means import best_partition
from jzsl.metrics.clustering import agreement
from jzsl.report.figures import grouped_bars
from jzsl.studies.study import Study, StudyResult, StudySetup, seed_columns
from jzsl.types import UNLABELLED

_MOST = 6000
"""Samples from which on spectral and Ward clustering, whose memory or time grows with their square, are left out."""
_RESTARTS, _ITERATIONS, _NEIGHBOURS = 10, 300, 10

Clusterer = Callable[[Float[np.ndarray, "n e"], int, int], Int[np.ndarray, " n"]]
"""(samples, number of clusters, seed) -> clusters."""


def k_means(x: Float[np.ndarray, "n e"], clusters: int, seed: int) -> Int[np.ndarray, " n"]:
    """As the method `KMeans`."""
    weight = np.ones(len(x), np.int32)
    centres = np.asarray(best_partition(jax.random.key(seed), x, weight, clusters, _RESTARTS, _ITERATIONS).centres)
    return (np.sum(centres**2, 1) / 2 - x @ centres.T).argmin(1)


def ward(x: Float[np.ndarray, "n e"], clusters: int, seed: int) -> Int[np.ndarray, " n"]:
    """Agglomerative clustering that least increases the variance within clusters; the seed plays no part."""
    from sklearn.cluster import AgglomerativeClustering  # a second to import, for runs that need it

    del seed
    return AgglomerativeClustering(clusters).fit_predict(x)


def spectral(x: Float[np.ndarray, "n e"], clusters: int, seed: int) -> Int[np.ndarray, " n"]:
    """On the graph of ten nearest neighbours."""
    from sklearn.cluster import SpectralClustering  # a second to import, for runs that need it

    model = SpectralClustering(clusters, affinity="nearest_neighbors", n_neighbors=_NEIGHBOURS, random_state=seed)
    return model.fit_predict(x)


CLUSTERERS: dict[str, Clusterer] = {"k-means": k_means, "Ward": ward, "spectral": spectral}


def clustering_rivals(setup: StudySetup) -> StudyResult:
    """As many clusters as classes; all samples where the data have no unseen classes.

    Labels are for scores only, and the base methods play no part.
    """
    problem = setup.problem
    pool = problem.splits.test_unseen
    whose = "unseen classes"
    if not len(pool):
        pool, whose = np.flatnonzero(problem.labels != UNLABELLED), "all classes"
    observed = None if problem.observed is None else problem.observed[pool]
    transform = setup.transform.fit(problem.samples, problem.observed, pool)
    x = transform(problem.samples[pool], observed)
    x = (x / np.float32(255) if x.dtype == np.uint8 else x).reshape(len(x), -1).astype(np.float32)
    truth = problem.labels[pool]
    clusters = len(np.unique(truth))
    values: dict[tuple[str, str], list[float]] = {}
    for name, clusterer in CLUSTERERS.items():
        if name != "k-means" and len(x) > _MOST:
            continue
        setup.progress(f"{name}: {len(x)} samples, {clusters} clusters")
        seeds = range(1 if name == "Ward" else setup.seeds)
        of_seeds = [agreement(truth, clusterer(x, clusters, seed)) for seed in seeds]
        for metric in of_seeds[0]:
            values[metric, name] = [one[metric] for one in of_seeds]
    names = [name for metric, name in values if metric == "ACC"]
    best = max(names, key=lambda name: np.mean(values["ACC", name]))
    rows: list[dict[str, Any]] = [
        {"clustering": name, "metric": f"{metric}_pool", **seed_columns(of_seeds, "mean (%)")}
        for (metric, name), of_seeds in values.items()
    ]
    return StudyResult(
        f"{best} has the highest clustering accuracy: {np.mean(values['ACC', best]):.1f} %.",
        rows,
        lambda figure: grouped_bars(figure, values, "% of the pool"),
        (
            f"{len(x)} samples of {whose}, {clusters} clusters, a number that is given; scored on the samples that are "
            "clustered",
        ),
    )


STUDY = Study(
    "Which clustering of unlabelled samples agrees best with their classes?",
    clustering_rivals,
    ("s2v",),
    1,
    stages=True,
)
