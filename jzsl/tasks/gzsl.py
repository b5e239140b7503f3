"""Generalized zero-shot recognition: test samples of all classes, among all classes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.accuracy import harmonic_mean, mean_per_class_accuracy
from jzsl.metrics.curve import seen_unseen_curve
from jzsl.metrics.group_detection import decision_errors
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class GZSL:
    """All test samples, seen and unseen classes mixed, among all classes.

    Scored by the mean accuracy of unseen (U) and of seen classes (S), their harmonic mean H, the area under the
    seen-unseen curve, and the metrics of `jzsl.metrics.group_detection`.
    """

    name: ClassVar[str] = "gzsl"
    numbers: ClassVar[tuple[str, ...]] = (
        "U", "S", "H", "AUSUC", "AUROC_test", "FPR95_test", "H_group_known", "H_seen_known", "H_unseen_known",
    )  # fmt: skip
    headline: ClassVar[str] = "H"
    seen: ClassVar[bool] = True
    unseen: ClassVar[bool] = True
    clusters: ClassVar[bool] = False

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        splits = problem.splits
        return np.random.default_rng(1).permutation(np.concatenate([splits.test_seen, splits.test_unseen]))

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        predicted = candidates[scores.argmax(1)]
        seen = mean_per_class_accuracy(truth, predicted, np.intersect1d(candidates[is_seen], truth))
        unseen = mean_per_class_accuracy(truth, predicted, candidates[~is_seen])
        metrics = {
            "U": unseen,
            "S": seen,
            "H": harmonic_mean(seen, unseen),
            "AUSUC": seen_unseen_curve(scores, truth, candidates, is_seen).area,
            **decision_errors(scores, truth, candidates, is_seen),
        }
        return {name: 100 * value for name, value in metrics.items()}
