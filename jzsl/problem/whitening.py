"""Features whitened by the covariance within seen classes, wholly or in part."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Shaped
from sklearn.covariance import ledoit_wolf

from jzsl.errors import InputError
from jzsl.problem.transforms import Transform
from jzsl.types import UNLABELLED


@dataclass(frozen=True)
class Whitened:
    """Directions in which samples of one class differ much are shortened: they say little about the class.

    Seen classes show which directions these are, and they are much the same in unseen classes.
    """

    power: float = 0.5
    """a direction of variance v within classes is divided by v^(power / 2): 1 whitens, 0 leaves features as they are"""

    def __post_init__(self):
        if not 0 <= self.power <= 1:
            raise InputError(f"power: {self.power} found, expected 0 to 1")

    def fit(
        self,
        samples: Shaped[np.ndarray, "n *s"],
        observed: Bool[np.ndarray, "n *s"] | None = None,
        indices: Int[np.ndarray, " m"] | None = None,
        labels: Int[np.ndarray, " m"] | None = None,
    ) -> Transform:
        """(x - m) C^(-power / 2), with m the mean of the class means and C the covariance within classes.

        C is shrunk by Ledoit and Wolf's rule, so that it has an inverse with fewer samples than features. Entries that
        were not observed count as their class's mean, which is the mean of all where the class has none observed.
        Lengths are such that the samples within a class differ as much as before, on average over the features.

        Raises:
            InputError: if samples are not vectors, or none has a label.
        """
        if samples.ndim != 2 or samples.dtype == np.uint8:
            raise InputError(
                f"transform: samples of shape {samples.shape[1:]} and type {samples.dtype} found, "
                "Whitened expects feature vectors"
            )
        known = np.zeros(0, int) if labels is None else np.flatnonzero(labels != UNLABELLED)
        if not len(known):
            raise InputError("transform: no labelled samples found, Whitened expects some")
        assert labels is not None
        chosen = known if indices is None else indices[known]
        x = np.asarray(samples[chosen], np.float32)
        mask = np.ones_like(x) if observed is None else np.asarray(observed[chosen], np.float32)
        x = np.where(mask > 0, x, np.float32(0))
        classes, of = np.unique(labels[known], return_inverse=True)
        share = (of[:, None] == np.arange(len(classes))).astype(np.float32)
        total, count = share.T @ x, share.T @ mask
        overall = total.sum(0) / np.maximum(count.sum(0), 1)
        means = np.where(count > 0, total / np.maximum(count, 1), overall)
        residual = (x - means[of]) * mask
        covariance, _ = ledoit_wolf(residual, assume_centered=True)
        variance, basis = np.linalg.eigh(covariance)
        variance = np.maximum(variance, 1e-6 * variance.max())
        if not variance.max() > 0:
            raise InputError("transform: samples of each class are all equal, so there is nothing to whiten by")
        matrix = (basis * variance ** (-self.power / 2)) @ basis.T
        kept = np.sqrt(np.trace(covariance) / np.einsum("ij,jk,ki->", matrix, covariance, matrix, optimize=True))
        return Transform(
            means.mean(0).astype(np.float32), np.ones(x.shape[1], np.float32), (kept * matrix).astype(np.float32)
        )
