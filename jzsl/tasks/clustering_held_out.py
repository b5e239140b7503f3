"""Clustering without any labelled class: test samples, which training never had."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.clustering import agreement
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class ClusteringHeldOut:
    """Test samples, which training never had, among the clusters; scored by ACC, NMI and ARI of
    `jzsl.metrics.clustering`."""

    name: ClassVar[str] = "clustering_held_out"
    numbers: ClassVar[tuple[str, ...]] = ("ACC", "NMI", "ARI")
    headline: ClassVar[str] = "ACC"
    seen: ClassVar[bool] = False
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = True

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(4).permutation(problem.splits.test_unseen)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del is_seen
        return agreement(truth, candidates[scores.argmax(1)])
