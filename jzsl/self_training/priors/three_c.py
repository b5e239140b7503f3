"""3C: the class prior from where classification and clustering agree (STHS, section 3.2, fig. 2, eq. 3).

The clustering of the unlabelled rows does not change between rounds: it is made once, on the host; the estimate is
a pure function of it and of the predictions.
"""

import enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture

_PCA = 50


def tsne_mixture(x: Float[np.ndarray, "m d"], clusters: int, seed: int) -> Int[np.ndarray, " m"]:
    """The paper's clustering: t-SNE to two dimensions, then a Gaussian mixture with a component a class.

    Fewer rows than clusters are a cluster each.
    """
    if len(x) < max(clusters, 2):
        return np.arange(len(x))
    reduced = PCA(min(_PCA, *x.shape), random_state=seed).fit_transform(x)
    perplexity = min(30.0, (len(x) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return GaussianMixture(clusters, random_state=seed).fit_predict(plane)


def pca_kmeans(x: Float[np.ndarray, "m d"], clusters: int, seed: int) -> Int[np.ndarray, " m"]:
    """k-means on the first principal components: a lighter clustering.

    Fewer rows than clusters are a cluster each.
    """
    if len(x) < max(clusters, 2):
        return np.arange(len(x))
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
    return _shares(label, _cell_size(cluster, label) > 1, classes)


def three_c_dominant(cluster: Int[Array, " m"], label: Int[Array, " m"], classes: int) -> Float[Array, " k"]:
    """3C as fig. 2 shows it: of each cluster the rows of its most frequent pseudo-label count (ties: the first)."""
    size = _cell_size(cluster, label)
    largest = jax.ops.segment_max(size, cluster, classes)[cluster]
    dominant = jax.ops.segment_min(jnp.where(size == largest, label, classes), cluster, classes)[cluster]
    return _shares(label, label == dominant, classes)


def _cell_size(cluster: Int[Array, " m"], label: Int[Array, " m"]) -> Int[Array, " m"]:
    """How many samples share each sample's cluster and label.

    By sorting: neither an index into all (cluster, class) cells, which overflows 32 bits from 46,341 classes on, nor
    a table of them is made.
    """
    order = jnp.lexsort((label, cluster))
    by_cluster, by_label = cluster[order], label[order]
    starts = jnp.concatenate([jnp.ones(1, bool), (by_cluster[1:] != by_cluster[:-1]) | (by_label[1:] != by_label[:-1])])
    cell = jnp.cumsum(starts) - 1
    size = jnp.bincount(cell, length=len(label))[cell]
    return jnp.zeros_like(size).at[order].set(size)


def _shares(label: Int[Array, " m"], kept: Bool[Array, " m"], classes: int) -> Float[Array, " k"]:
    """Eq. 3 of the samples kept; uniform if there are none."""
    counts = jnp.bincount(label, kept.astype(jnp.int32), length=classes)
    total = counts.sum()
    return jnp.where(total > 0, counts / jnp.maximum(total, 1), 1 / classes)
