"""Zero-shot recognition: test samples of unseen classes, among unseen classes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.accuracy import mean_per_class_accuracy
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class ZSL:
    """Samples of unseen classes, which may be predicted as unseen classes only; scored by T1, the mean over classes of
    their accuracy."""

    name: ClassVar[str] = "zsl"
    numbers: ClassVar[tuple[str, ...]] = ("T1",)
    headline: ClassVar[str] = "T1"
    seen: ClassVar[bool] = False
    unseen: ClassVar[bool] = True
    clusters: ClassVar[bool] = False

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        return np.random.default_rng(0).permutation(problem.splits.test_unseen)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del is_seen
        return {"T1": 100 * mean_per_class_accuracy(truth, candidates[scores.argmax(1)], np.unique(truth))}
