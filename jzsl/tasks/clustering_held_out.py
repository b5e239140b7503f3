"""Clustering without any labelled class: test samples, which training never had."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int

from jzsl.problem.problem import Problem
from jzsl.tasks.cluster_agreement import ClusterAgreement


@dataclass(frozen=True)
class ClusteringHeldOut(ClusterAgreement):
    """Test samples, which training never had, among the clusters; scored by ACC, NMI and ARI of
    `jzsl.metrics.clustering`."""

    name: ClassVar[str] = "clustering_held_out"
    numbers: ClassVar[tuple[str, ...]] = ("ACC", "NMI", "ARI")
    headline: ClassVar[str] = "ACC"

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(4).permutation(problem.splits.test_unseen)
