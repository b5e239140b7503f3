"""k-means on the first principal components: a lighter clustering than the STHS paper's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jzsl.self_training.clustering.principal_components import principal_components
from jzsl.self_training.parts import Clustering


@dataclass(frozen=True)
class PCAKMeans:
    """k-means on principal components."""

    def build(self) -> Clustering:
        return pca_kmeans


def pca_kmeans(x: Float[np.ndarray, "m d"], clusters: int, seed: int) -> Int[np.ndarray, " m"]:
    """The best of ten starts."""
    from sklearn.cluster import KMeans  # a second to import, for runs that need it

    starts: Any = 10  # scikit-learn's own annotation lacks the documented number
    return KMeans(clusters, n_init=starts, random_state=seed).fit_predict(principal_components(x, seed))
