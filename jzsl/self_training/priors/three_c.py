"""3C: the class prior from where classification and clustering agree (STHS, section 3.2, fig. 2, eq. 3).

The clustering of the unlabelled rows does not change between rounds: it is made once, on the host; the estimate is
a pure function of it and of the predictions.
"""

import enum
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture

_PCA = 50


def tsne_mixture(x: Float[np.ndarray, "m d"], clusters: int, seed: int) -> Int[np.ndarray, " m"]:
    """The paper's clustering: t-SNE to two dimensions, then a Gaussian mixture with a component a class."""
    reduced = PCA(min(_PCA, *x.shape), random_state=seed).fit_transform(x)
    perplexity = min(30.0, (len(x) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return GaussianMixture(clusters, random_state=seed).fit_predict(plane)


def pca_kmeans(x: Float[np.ndarray, "m d"], clusters: int, seed: int) -> Int[np.ndarray, " m"]:
    """k-means on the first principal components: a lighter clustering."""
    reduced = PCA(min(_PCA, *x.shape), random_state=seed).fit_transform(x)
    starts: Any = 10  # scikit-learn's own annotation lacks the documented number
    return KMeans(clusters, n_init=starts, random_state=seed).fit_predict(reduced)


class Clustering(enum.Enum):
    """Which clustering 3C compares with."""

    tsne_mixture = enum.member(tsne_mixture)
    pca_kmeans = enum.member(pca_kmeans)


def three_c_edges(cluster: Int[Array, " m"], label: Int[Array, " m"], classes: int) -> Float[Array, " k"]:
    """3C read literally: an edge joins two rows of equal cluster and equal pseudo-label; a row with an edge counts.

    Only rows alone in their (cluster, class) cell are dropped.
    """
    cells = _cells(cluster, label, classes)
    return _normalised(jnp.where(cells > 1, cells, 0).sum(0))


def three_c_dominant(cluster: Int[Array, " m"], label: Int[Array, " m"], classes: int) -> Float[Array, " k"]:
    """3C as fig. 2 shows it: of each cluster the rows of its most frequent pseudo-label count (ties: the first)."""
    cells = _cells(cluster, label, classes)
    dominant = jnp.arange(classes) == cells.argmax(1)[:, None]
    return _normalised(jnp.where(dominant, cells, 0).sum(0))


def _cells(cluster, label, classes: int):
    """How many rows lie in each (cluster, class) cell; there are as many clusters as classes."""
    return jnp.bincount(cluster * classes + label, length=classes**2).reshape(classes, classes)


def _normalised(counts):
    """Eq. 3; uniform if no row counts."""
    total = counts.sum()
    return jnp.where(total > 0, counts / jnp.maximum(total, 1), 1 / len(counts))
