"""Unlabelled samples among clusters, where their classes are unknown: how large the clusters are."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class UnlabelledPool:
    """The unlabelled samples that training had, among the clusters; no label of theirs is needed, and none is used.

    Its numbers are no scores: the shares of these samples in the largest and in the smallest cluster. A largest one
    with nearly all samples, or an empty smallest one, shows that the clusters have collapsed.
    """

    name: ClassVar[str] = "unlabelled_pool"
    numbers: ClassVar[tuple[str, ...]] = ("largest_cluster_pool", "smallest_cluster_pool")
    headline: ClassVar[str] = "largest_cluster_pool"
    seen: ClassVar[bool] = False
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = True

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(3).permutation(problem.splits.unlabelled)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del truth, is_seen
        share = 100 * np.bincount(scores.argmax(1), minlength=len(candidates)) / len(scores)
        return {"largest_cluster_pool": float(share.max()), "smallest_cluster_pool": float(share.min())}
