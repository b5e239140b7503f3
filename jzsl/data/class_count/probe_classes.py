"""The number of new classes by labelled probe classes (Han et al. 2019, Deep Transfer Clustering, section 3.3)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import pairwise_distances, silhouette_score

from jzsl.data.class_count.constrained_k_means import constrained_k_means
from jzsl.data.class_count.estimate import Estimate, numbers_to_try, reduced, some
from jzsl.errors import InputError, require_positive

_FEWEST_PROBES = 4
"""Two anchor classes, and two validation classes: a single one is never taken for another."""


class _Problem(NamedTuple):
    """Samples of the probe classes, then the unlabelled ones."""

    x: Float[np.ndarray, "n e"]
    y: Int[np.ndarray, " n"]
    distances: Float[np.ndarray, "m m"]

    @property
    def is_new(self) -> np.ndarray:
        return self.y < 0


@dataclass(frozen=True)
class ProbeClasses:
    """k-means over a range of numbers, with some labelled classes for which the right number is known.

    Of the labelled probe classes, anchors keep their labels and validation classes are clustered with the unlabelled
    samples. One number gives the best clustering accuracy on the validation classes, another one the largest silhouette
    of the unlabelled samples; after k-means with their mean, clusters with hardly a sample are not counted. Two things
    are unlike the paper's. Both curves are means over several divisions of the probe classes, of which a single one
    decides by chance. An unlabelled sample in the cluster of a validation class counts as wrong, which it surely is:
    otherwise few clusters would always be right. k-means works on the first 50 principal components.
    """

    least: int = 2
    """fewest classes to try"""
    most: int = 30
    """most classes to try"""
    probes: int = 10
    """labelled classes to use, drawn at random; all where there are fewer"""
    anchors: float = 0.8
    """share of these that keep their labels; at least two do, and two do not"""
    divisions: int = 3
    """of the probe classes into anchors and others"""
    smallest: float = 0.01
    """clusters with a smaller share of the largest one's samples do not count"""
    samples: int = 1500
    """labelled and unlabelled samples to use, each, drawn at random"""

    def __post_init__(self):
        require_positive(self, "divisions", "samples")
        if not 0 < self.anchors < 1:
            raise InputError(f"anchors: {self.anchors} found, expected a number between 0 and 1")

    def estimate(
        self, x: Num[np.ndarray, "n *s"], y: Int[np.ndarray, " n"], unlabelled: Num[np.ndarray, "m *s"]
    ) -> Estimate:
        """The estimate.

        Raises:
            InputError: if fewer than four classes have labels.
        """
        generator = np.random.default_rng(0)
        classes = np.unique(y)
        if len(classes) < _FEWEST_PROBES:
            raise InputError(
                f"estimator: {len(classes)} labelled classes found, expected at least {_FEWEST_PROBES} as probe "
                "classes; Silhouette needs none"
            )
        probes = np.sort(generator.permutation(classes)[: max(self.probes, _FEWEST_PROBES)])
        kept = np.flatnonzero(np.isin(y, probes))
        kept = kept[some(kept, self.samples, generator)]
        chosen = some(unlabelled, self.samples, generator)
        labelled, new = reduced(x[kept], unlabelled[chosen])
        label = np.concatenate([np.searchsorted(probes, y[kept]), np.full(len(new), -1)])
        problem = _Problem(np.concatenate([labelled, new]), label, pairwise_distances(new))
        numbers = numbers_to_try(self.least, self.most, len(new))
        curves = np.array([self._curves(problem, len(probes), numbers, division) for division in range(self.divisions)])
        accuracy, silhouette = curves.mean(0)
        by_accuracy, by_silhouette = numbers[int(accuracy.argmax())], numbers[int(silhouette.argmax())]
        middle = round((by_accuracy + by_silhouette) / 2)
        counts = [self._populated(problem, len(probes), middle, division) for division in range(self.divisions)]
        words = f"{by_accuracy} by probe classes and {by_silhouette} by silhouette"
        return Estimate(round(float(np.median(counts))), f"estimated by ProbeClasses: {words}")

    def _divided(self, problem: _Problem, probes: int, number: int) -> tuple[Int[np.ndarray, " n"], int]:
        """The anchors' clusters, -1 for other samples, and the number of anchors."""
        anchors = min(max(2, round(self.anchors * probes)), probes - 2)
        order = np.random.default_rng((1, number)).permutation(probes)
        position = np.full(probes + 1, -1)  # the last one is that of unlabelled samples
        position[order[:anchors]] = np.arange(anchors)
        return position[problem.y], anchors

    def _clustered(self, problem: _Problem, probes: int, classes: int, division: int) -> Int[np.ndarray, " n"]:
        fixed, _ = self._divided(problem, probes, division)
        generator = np.random.default_rng((2, division, classes))
        return constrained_k_means(generator, problem.x, fixed, probes + classes)

    def _curves(self, problem: _Problem, probes: int, numbers: range, division: int) -> Float[np.ndarray, "2 r"]:
        """Accuracy on validation classes and silhouette of unlabelled samples, for each number."""
        fixed, anchors = self._divided(problem, probes, division)
        free = fixed < 0
        rows = []
        for classes in numbers:
            label = self._clustered(problem, probes, classes, division)
            of_new = label[problem.is_new]
            several = 1 < len(np.unique(of_new)) < len(of_new)
            valid = silhouette_score(problem.distances, of_new, metric="precomputed") if several else -1.0
            rows.append((probe_accuracy(problem.y[free], label[free] - anchors, probes + classes - anchors), valid))
        return np.array(rows).T

    def _populated(self, problem: _Problem, probes: int, classes: int, division: int) -> int:
        """Clusters of unlabelled samples, but those of anchors and those with hardly a sample."""
        _, anchors = self._divided(problem, probes, division)
        label = self._clustered(problem, probes, classes, division)
        counts = np.bincount(label[problem.is_new], minlength=probes + classes)[anchors:]
        return max(1, int(np.sum(counts > self.smallest * counts.max())))


def probe_accuracy(y: Int[np.ndarray, " n"], label: Int[np.ndarray, " n"], clusters: int) -> float:
    """The share of right samples under the best assignment of clusters to validation classes.

    Args:
        y: the validation class of each sample, -1 for unlabelled ones, which are right outside the clusters of these.
        label: the cluster of each, negative for those of anchors, in which every sample is wrong.
        clusters: how many there are.
    """
    classes, outside = np.unique(y[y >= 0]), np.bincount(label[(y < 0) & (label >= 0)], minlength=clusters)
    inside = np.stack([np.bincount(label[(y == one) & (label >= 0)], minlength=clusters) for one in classes])
    rows, columns = linear_sum_assignment(inside - outside, maximize=True)
    return float(inside[rows, columns].sum() + outside.sum() - outside[columns].sum()) / len(y)
