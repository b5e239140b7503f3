"""Discovery of new classes: test samples of old and new classes, among old classes and clusters."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.clustering import joint_accuracies
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class DiscoveryHeldOut:
    """Test samples of old and new classes, which training never had, among old classes and clusters.

    Scored by the shares of right samples of old classes, of new ones and of all under one joint assignment, and by the
    legacy numbers with an assignment each; see `jzsl.metrics.clustering.joint_accuracies`.
    """

    name: ClassVar[str] = "discovery_held_out"
    numbers: ClassVar[tuple[str, ...]] = (
        "ACC_old", "ACC_new", "ACC_all", "ACC_old_legacy", "ACC_new_legacy", "ACC_all_legacy",
    )  # fmt: skip
    headline: ClassVar[str] = "ACC_all"
    seen: ClassVar[bool] = True
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = True

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        splits = problem.splits
        if not len(splits.test_unseen):
            return splits.test_unseen
        return np.random.default_rng(4).permutation(np.concatenate([splits.test_seen, splits.test_unseen]))

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        return joint_accuracies(truth, candidates[scores.argmax(1)], candidates[is_seen], candidates[~is_seen])
