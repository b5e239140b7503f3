"""Handwritten digits as images in four domains: clean, faded, turned and noisy ones."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import rotate
from sklearn.datasets import load_digits

from jzsl.data.image_splits import domain_split, image_splits
from jzsl.problem.problem import Backbone, Problem, Provenance
from jzsl.problem.splits import NONE

DOMAINS = ("clean", "faded", "turned", "noisy")


@dataclass(frozen=True)
class DigitsDomains:
    """All ten digits in every domain; each image is in one of them."""

    target: str | None = None
    """domain whose images are the test samples; those of the others are for training. None: a fixed random fifth of
    each class, of all domains, is for testing"""
    contrast: float = 0.3
    """factor of the grey levels of `faded`, around the middle grey"""
    rotation: float = 25.0
    """degrees by which the images of `turned` are rotated, to a random side"""
    noise: float = 0.25
    """standard deviation of the noise of `noisy`, for pixels in [0, 1]"""
    seed: int = 0
    """of domains, sides and noise"""

    def load(self) -> Problem:
        """The problem: uint8[n, 8, 8, 1], without class semantics.

        Raises:
            InputError: if there is no such target.
        """
        images, labels = load_digits(return_X_y=True)
        images = (images / 16).reshape(-1, 8, 8)
        rng = np.random.default_rng(self.seed)
        domains = rng.permutation(np.arange(len(images)) % len(DOMAINS))
        for index, domain in enumerate(domains):
            images[index] = self._changed(rng, images[index], DOMAINS[domain])
        of_domain = domain_split(domains, DOMAINS, self.target, None)
        splits, notes = image_splits(labels, NONE, of_domain.test, None, 0.2)
        return Problem(
            np.rint(255 * images).astype(np.uint8)[..., None],
            labels.astype(np.int64),
            None,
            tuple(str(digit) for digit in range(10)),
            splits,
            Provenance("digits in four domains", "8 x 8 grey images", "none", "digits_domains", notes, Backbone.none),
            domains=domains,
            domain_names=DOMAINS,
        )

    def _changed(self, rng: np.random.Generator, image: Float[np.ndarray, "8 8"], domain: str) -> np.ndarray:
        if domain == "faded":
            return self.contrast * image + (1 - self.contrast) / 2
        if domain == "turned":
            return np.clip(rotate(image, rng.choice([-1, 1]) * self.rotation, reshape=False, order=1), 0, 1)
        return np.clip(image + rng.normal(0, self.noise, image.shape), 0, 1) if domain == "noisy" else image
