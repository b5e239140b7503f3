"""Domain adaptation: test samples of the seen classes from another domain."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.accuracy import mean_per_class_accuracy
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class Adaptation:
    """Samples of seen classes from the target domain, among seen classes; scored by A, the mean over classes of their
    accuracy."""

    name: ClassVar[str] = "adaptation"
    numbers: ClassVar[tuple[str, ...]] = ("A",)
    headline: ClassVar[str] = "A"
    seen: ClassVar[bool] = True
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = False

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(2).permutation(problem.splits.test_seen)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del is_seen
        return {"A": 100 * mean_per_class_accuracy(truth, candidates[scores.argmax(1)], np.unique(truth))}
