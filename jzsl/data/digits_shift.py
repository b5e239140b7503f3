"""Handwritten digits in two domains: clean images as the labelled source, changed ones as the unlabelled target."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import rotate
from sklearn.datasets import load_digits

from jzsl.data.digits import SEMANTICS
from jzsl.data.holdout import holdout_samples
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance
from jzsl.problem.splits import NONE, Splits


@dataclass(frozen=True)
class DigitsShift:
    """All ten digits in both domains; each image is in one of them."""

    contrast: float = 0.7
    """factor of the target's grey levels, between 0 and 1"""
    rotation: float = 10.0
    """degrees by which the target's images are rotated, to a random side"""
    noise: float = 0.1
    """standard deviation of the target's pixel noise, for pixels in [0, 1]"""
    target: float = 0.5
    """share of the images in the target domain"""
    seed: int = 0
    """of the noise and of the split into domains"""

    def load(self) -> Problem:
        """The problem: source samples to train on, target samples as test samples of seen classes, no unseen class.

        Raises:
            InputError: naming a field outside its range.
        """
        for field, valid, expected in (
            ("contrast", 0 < self.contrast <= 1, "a factor above 0, at most 1"),
            ("noise", self.noise >= 0, "zero or more"),
            ("target", 0 < self.target < 1, "a share between 0 and 1"),
        ):
            if not valid:
                raise InputError(f"digits_shift: {field}: {getattr(self, field)} found, expected {expected}")
        images, labels = load_digits(return_X_y=True)
        images = (images / 16).reshape(-1, 8, 8)
        every = np.arange(len(images))
        target = holdout_samples(every, labels, self.target, seed=self.seed)
        rng = np.random.default_rng(self.seed)
        for index in target:
            turned = rotate(images[index], rng.choice([-1, 1]) * self.rotation, reshape=False, order=1)
            images[index] = np.clip(self.contrast * turned + rng.normal(0, self.noise, (8, 8)), 0, 1)
        return Problem(
            samples=images.reshape(-1, 64).astype(np.float32),
            labels=labels.astype(np.int64),
            semantics=SEMANTICS,
            class_names=tuple(str(digit) for digit in range(10)),
            splits=Splits(np.setdiff1d(every, target), target, NONE, NONE, NONE),
            provenance=Provenance(
                "digits, shifted",
                "8 x 8 pixels",
                "18 stroke semantics",
                "digits_shift",
                (f"target: contrast {self.contrast}, turned by {self.rotation} degrees, noise {self.noise}",),
                Backbone.none,
            ),
            image=(8, 8),
        )
