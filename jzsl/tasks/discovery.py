"""Discovery of new classes: the unlabelled samples that training had, among the clusters."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.clustering import agreement
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class Discovery:
    """Unlabelled samples of new classes, which training had without their labels, among the clusters.

    Scored by ACC, NMI and ARI of `jzsl.metrics.clustering` on this pool, as in the thesis, chapter 6, table 1.
    """

    name: ClassVar[str] = "discovery"
    numbers: ClassVar[tuple[str, ...]] = ("ACC_new_pool", "NMI_new_pool", "ARI_new_pool")
    headline: ClassVar[str] = "ACC_new_pool"
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
        return {f"{name}_new_pool": value for name, value in agreement(truth, candidates[scores.argmax(1)]).items()}
