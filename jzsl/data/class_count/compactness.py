"""The number of classes at which clusters are as compact as those of the labelled classes, whose number is known."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num

from jzsl.data.class_count.estimate import Estimate, k_means, numbers_to_try, reduced, some
from jzsl.errors import InputError, require_positive


@dataclass(frozen=True)
class Compactness:
    """The fewest k-means clusters in which samples are as near to their centre as labelled ones are in theirs: the mean
    of their squared distances is at most one standard error of the difference above, by its spread over the clusters.

    Labelled samples are clustered without their labels into as many clusters as they have classes: what k-means gets
    wrong, it gets wrong on both sides. It assumes that new classes vary as much as labelled ones do. On the first 50
    principal components. No paper's: its form was chosen on divisions of the digits and on caltech101, whose numbers
    of classes were known (benchmarks/RESULTS.md), so its errors there flatter it.
    """

    least: int = 2
    """fewest classes to try"""
    most: int = 100
    """most classes to try"""
    samples: int = 1500
    """labelled and unlabelled samples to use, each, drawn at random"""

    def __post_init__(self):
        require_positive(self, "samples")

    def estimate(
        self, x: Num[np.ndarray, "n *s"], y: Int[np.ndarray, " n"], unlabelled: Num[np.ndarray, "m *s"]
    ) -> Estimate:
        """The estimate, by bisection.

        Raises:
            InputError: if fewer than two classes have labels.
        """
        generator = np.random.default_rng(0)
        kept, chosen = (some(group, self.samples, generator) for group in (x, unlabelled))
        known = len(np.unique(y[kept]))
        if known < 2:
            raise InputError(
                f"estimator: {known} labelled classes found, expected at least two to compare with; Silhouette needs "
                "none"
            )
        labelled, new = reduced(x[kept], unlabelled[chosen])
        square, label = distances(labelled, known)
        spread = np.std([square[label == number].mean() for number in range(known)], ddof=1)
        numbers = numbers_to_try(self.least, self.most, len(new))
        first, last = 0, len(numbers) - 1
        while first < last:
            middle = (first + last) // 2
            error = spread * np.sqrt(1 / known + 1 / numbers[middle])
            if distances(new, numbers[middle])[0].mean() <= square.mean() + error:
                last = middle
            else:
                first = middle + 1
        return Estimate(numbers[first], "estimated by Compactness")


def distances(x: Float[np.ndarray, "n e"], clusters: int) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The squared distance of each sample from the centre of its k-means cluster, and that cluster."""
    label, centres = k_means(x, clusters)
    return np.sum((x - centres[label]) ** 2, 1), label
