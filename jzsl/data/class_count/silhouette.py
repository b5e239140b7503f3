"""The number of classes whose k-means clusters have the largest silhouette (Rousseeuw 1987); it needs no labels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Num
from sklearn.metrics import pairwise_distances, silhouette_score

from jzsl.data.class_count.estimate import Estimate, k_means, numbers_to_try, reduced, some
from jzsl.errors import require_positive


@dataclass(frozen=True)
class Silhouette:
    """k-means over a range of numbers, on the first 50 principal components."""

    least: int = 2
    """fewest classes to try"""
    most: int = 30
    """most classes to try"""
    samples: int = 1500
    """unlabelled samples to use, drawn at random"""

    def __post_init__(self):
        require_positive(self, "samples")

    def estimate(
        self, x: Num[np.ndarray, "n *s"], y: Int[np.ndarray, " n"], unlabelled: Num[np.ndarray, "m *s"]
    ) -> Estimate:
        """The estimate; labelled samples play no part."""
        del x, y
        new = reduced(unlabelled[some(unlabelled, self.samples, np.random.default_rng(0))])[0]
        distances = pairwise_distances(new)
        numbers = numbers_to_try(self.least, self.most, len(new))
        scores = [silhouette_score(distances, k_means(new, number)[0], metric="precomputed") for number in numbers]
        return Estimate(numbers[int(np.argmax(scores))], "estimated by Silhouette")
