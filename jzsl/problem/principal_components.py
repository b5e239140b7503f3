"""The principal components of features."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Shaped
from sklearn.decomposition import PCA

from jzsl.errors import InputError, require_positive
from jzsl.problem.transforms import Transform


@dataclass(frozen=True)
class PrincipalComponents:
    """The directions in which the samples differ most; EXEM's authors keep 500."""

    components: int = 500
    """how many are kept; all, where samples or features are fewer"""

    def __post_init__(self):
        require_positive(self, "components")

    def fit(
        self,
        samples: Shaped[np.ndarray, "n *s"],
        observed: Bool[np.ndarray, "n *s"] | None = None,
        indices: Int[np.ndarray, " m"] | None = None,
        labels: Int[np.ndarray, " m"] | None = None,
    ) -> Transform:
        """Entries that were not observed count as their feature's mean. Labels play no part.

        Raises:
            InputError: if samples are not feature vectors.
        """
        del labels
        if samples.ndim != 2 or samples.dtype == np.uint8:
            raise InputError(
                f"transform: samples of shape {samples.shape[1:]} and type {samples.dtype} found, "
                "PrincipalComponents expects feature vectors"
            )
        x = np.asarray(samples if indices is None else samples[indices], np.float32)
        mask = np.ones(x.shape, bool) if observed is None else observed if indices is None else observed[indices]
        mean = np.where(mask, x, 0).sum(0) / np.maximum(mask.sum(0), 1)
        fitted = PCA(min(self.components, *x.shape), random_state=0).fit(np.where(mask, x - mean, 0))
        directions = np.asarray(fitted.components_, np.float32)
        return Transform(mean.astype(np.float32), np.ones(x.shape[1], np.float32), directions.T)
