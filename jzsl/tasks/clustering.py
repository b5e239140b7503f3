"""Clustering without any labelled class: the samples that training had."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.clustering import agreement
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class Clustering:
    """All samples that training had, none of them with a label; scored by ACC, NMI and ARI of
    `jzsl.metrics.clustering` on this pool."""

    name: ClassVar[str] = "clustering"
    numbers: ClassVar[tuple[str, ...]] = ("ACC_pool", "NMI_pool", "ARI_pool")
    headline: ClassVar[str] = "ACC_pool"
    seen: ClassVar[bool] = False
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = True

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(3).permutation(problem.new_samples)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del is_seen
        return {f"{name}_pool": value for name, value in agreement(truth, candidates[scores.argmax(1)]).items()}
