"""A linear-Gaussian problem whose truth is known: posterior, likelihood and best classifier in closed form."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import multivariate_normal

from jzsl.data.holdout import holdout_samples, validation_classes
from jzsl.problem.problem import Backbone, Problem, Provenance, Splits


class Truth(NamedTuple):
    """x = class_map c + latent_map z + bias + sigma eps, with z and eps standard normal."""

    class_map: np.ndarray
    latent_map: np.ndarray
    bias: np.ndarray
    sigma: float

    def mean(self, semantics: np.ndarray) -> np.ndarray:
        """E[x | c] of each row of `semantics`."""
        return semantics @ self.class_map.T + self.bias

    @property
    def covariance(self) -> np.ndarray:
        """Cov[x | c], the same for every class."""
        return self.latent_map @ self.latent_map.T + self.sigma**2 * np.eye(len(self.bias))

    def log_likelihood(self, x: np.ndarray, semantics: np.ndarray) -> np.ndarray:
        """log p(x | c) in nats, one number per sample."""
        centred = x - self.mean(semantics)
        covariance: Any = self.covariance  # SciPy's own annotation lacks the documented array
        return np.asarray(multivariate_normal.logpdf(centred, cov=covariance))


@dataclass(frozen=True)
class LinearGaussian:
    """Classes whose features are a linear function of semantics and latent factors, plus noise."""

    classes: int = 12
    """number of classes"""
    unseen: int = 4
    """number of classes without labelled samples"""
    samples_per_class: int = 60
    """samples of each class; a fifth of a seen class's samples are test samples"""
    features: int = 16
    """feature size"""
    semantics: int = 6
    """semantic size"""
    latents: int = 3
    """number of latent factors"""
    sigma: float = 0.3
    """standard deviation of the noise"""
    seed: int = 0
    """the same seed gives the same truth and the same samples"""

    def truth(self) -> Truth:
        """The parameters that made the samples."""
        random = np.random.default_rng([self.seed, 0])
        return Truth(
            random.normal(size=(self.features, self.semantics)),
            random.normal(size=(self.features, self.latents)) / np.sqrt(self.latents),
            random.normal(size=self.features),
            self.sigma,
        )

    def load(self) -> Problem:
        """The problem; the last classes are the unseen ones."""
        truth = self.truth()
        random = np.random.default_rng([self.seed, 1])
        semantics = random.normal(size=(self.classes, self.semantics)) / np.sqrt(self.semantics)
        labels = np.repeat(np.arange(self.classes), self.samples_per_class)
        latents = random.normal(size=(len(labels), self.latents))
        noise = random.normal(size=(len(labels), self.features))
        features = truth.mean(semantics[labels]) + latents @ truth.latent_map.T + truth.sigma * noise
        is_unseen = labels >= self.classes - self.unseen
        of_seen = np.flatnonzero(~is_unseen)
        test_seen = holdout_samples(of_seen, labels, 0.2, seed=self.seed)
        train = np.setdiff1d(of_seen, test_seen)
        validation, how = validation_classes(np.unique(labels[train]), seed=self.seed)
        rest = train[~np.isin(labels[train], validation)]
        return Problem(
            features.astype(np.float32),
            labels,
            semantics,
            tuple(f"class {number}" for number in range(self.classes)),
            Splits(train, test_seen, np.flatnonzero(is_unseen), validation, holdout_samples(rest, labels, 0.2)),
            Provenance(
                "linear-gaussian",
                "synthetic",
                "synthetic",
                "synthetic",
                (f"validation classes: {how}",),
                Backbone.none,
            ),
        )
