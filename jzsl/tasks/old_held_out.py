"""Test samples of old classes, among old classes and clusters: what is known where new classes have no test samples."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class OldHeldOut:
    """Test samples of old classes, which training never had, among old classes and clusters.

    Scored by the share of right ones, the ACC_old of `jzsl.tasks.discovery_held_out`; one that is predicted as a
    cluster is wrong.
    """

    name: ClassVar[str] = "old_held_out"
    numbers: ClassVar[tuple[str, ...]] = ("ACC_old",)
    headline: ClassVar[str] = "ACC_old"
    seen: ClassVar[bool] = True
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = True

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(4).permutation(problem.splits.test_seen)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del is_seen
        return {"ACC_old": 100 * float(np.mean(candidates[scores.argmax(1)] == truth))}
