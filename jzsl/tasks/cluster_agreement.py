"""What tasks of clusters share that are scored by the agreement of clusters with classes; they differ in samples."""

from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from jzsl.metrics.clustering import agreement
from jzsl.problem.problem import Problem


class ClusterAgreement:
    """Samples among the clusters, scored by ACC, NMI and ARI of `jzsl.metrics.clustering`.

    Attributes:
        numbers: the names of these three.
    """

    numbers: ClassVar[tuple[str, ...]]
    seen: ClassVar[bool] = False
    unseen: ClassVar[bool] = False
    clusters: ClassVar[bool] = True

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        """The unlabelled samples that training had, of classes without labelled samples."""
        return np.random.default_rng(3).permutation(problem.new_samples)

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        del is_seen
        return dict(zip(self.numbers, agreement(truth, candidates[scores.argmax(1)]).values(), strict=True))
