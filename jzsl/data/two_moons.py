"""Two interleaved half circles in the plane: classes that no straight line separates, and k-means does not find."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import make_moons

from jzsl.data.holdout import holdout_samples
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance
from jzsl.problem.splits import NONE, Splits


@dataclass(frozen=True)
class TwoMoons:
    """Points on two half circles of radius 1, with noise; a fifth of each moon's are test samples.

    There are no semantics and no unseen classes: `Clustered` takes the labels away.
    """

    count: int = 300
    """number of points, half of them on each moon"""
    noise: float = 0.08
    """standard deviation of the noise on each coordinate"""
    seed: int = 0
    """the same seed gives the same points"""

    def __post_init__(self):
        if self.count < 4:
            raise InputError(f"count: {self.count} found, expected at least 4 points")
        if not self.noise >= 0:
            raise InputError(f"noise: {self.noise} found, expected zero or more")

    def load(self) -> Problem:
        """The problem."""
        x, y = map(np.asarray, make_moons(self.count, noise=self.noise, random_state=self.seed))
        every = np.arange(self.count)
        test = holdout_samples(every, y, 0.2)
        return Problem(
            x.astype(np.float32),
            y.astype(np.int64),
            None,
            ("upper moon", "lower moon"),
            Splits(np.setdiff1d(every, test), test, NONE, NONE, NONE),
            Provenance("two moons", "coordinates", "none", "two moons", backbone=Backbone.none),
        )
