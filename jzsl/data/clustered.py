"""A problem without any labelled sample: all classes of a source are to be discovered as clusters."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from jzsl.data.class_count.estimate import CountEstimator
from jzsl.data.class_count.silhouette import Silhouette
from jzsl.data.clusters import counted, divided, require_labels_unused, require_share, with_cluster_names
from jzsl.data.digits_images import DigitImages
from jzsl.data.source import SourceConfig
from jzsl.problem.problem import Problem
from jzsl.problem.splits import NONE, Splits
from jzsl.types import UNLABELLED


@dataclass(frozen=True)
class Clustered:
    """All samples unlabelled, to be discovered as clusters cluster-1, cluster-2, ...; labels, where there are some, are
    for evaluation.

    Test samples stay apart; samples that have no label in the source are none of them. There are no class semantics and
    no validation classes.
    """

    data: SourceConfig = DigitImages(unseen=())
    """the source"""
    clusters: int | Literal["estimated"] | None = None
    """how many clusters to discover; None: as many as there are classes, where every sample has a label"""
    estimator: CountEstimator = Silhouette()
    """of the number of clusters, where that is to be estimated"""
    held_out: float = 0.2
    """share of the samples of a class to hold out where its source has no test samples of it, or test samples only"""

    def __post_init__(self):
        require_share(self.held_out)

    def load(self) -> Problem:
        """The problem; its held-out samples are those of `splits.test_unseen`."""
        problem = self.data.load()
        require_labels_unused(problem)
        splits = problem.splits
        learned = np.concatenate([splits.train, splits.unlabelled])
        every = np.concatenate([learned, splits.test_seen, splits.test_unseen])
        classes = np.setdiff1d(problem.labels[every], [UNLABELLED])
        unlabelled, test = divided(problem, classes, learned, self.held_out)
        unlabelled = np.sort(np.concatenate([unlabelled, problem.unknown_samples]))
        count, how = counted(problem, NONE, unlabelled, self.clusters, self.estimator)
        provenance = problem.provenance._replace(
            name=f"{problem.provenance.name} (clustering)", semantics="none", attributes=(), clusters=how
        )
        return replace(
            problem,
            semantics=None,
            class_names=with_cluster_names(problem.class_names, "cluster", count),
            splits=Splits(NONE, NONE, test, NONE, NONE, unlabelled),
            provenance=provenance,
            clusters=count,
        )
