"""The clustering of STHS (section 4.1): t-SNE to two dimensions, then a Gaussian mixture with a component per class."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jzsl.self_training.clustering.principal_components import principal_components
from jzsl.self_training.parts import Clustering


@dataclass(frozen=True)
class TSNEMixture:
    """t-SNE and a Gaussian mixture, as the paper."""

    def build(self) -> Clustering:
        return tsne_mixture


def tsne_mixture(x: Float[np.ndarray, "m d"], clusters: int, seed: int) -> Int[np.ndarray, " m"]:
    """t-SNE of the first principal components to the plane, and the most likely component of a mixture there."""
    from sklearn.manifold import TSNE  # a second to import, for runs that need it
    from sklearn.mixture import GaussianMixture

    reduced = principal_components(x, seed)
    perplexity = min(30.0, (len(x) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return GaussianMixture(clusters, random_state=seed).fit_predict(plane)
