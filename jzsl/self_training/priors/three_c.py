"""3C: the class prior from where classification and clustering agree (STHS, section 3.2, fig. 2, eq. 3).

The clustering of the unlabelled samples does not change between rounds: it is made once, on the host; the estimate is
a pure function of it and of the predictions.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jzsl.self_training.clustering.tsne_mixture import TSNEMixture
from jzsl.self_training.parts import ClusteringConfig, PriorEstimator
from jzsl.types import Predictions


@dataclass(frozen=True)
class ThreeC:
    """Classification-clustering consistency.

    The default reading is the paper's text: "if and only if one edge consistently exists in both [graphs], the edge
    and the corresponding nodes will be preserved". Its figure 2 shows the other one, in which each cluster keeps one
    class alone.
    """

    reading: Literal["edges", "dominant"] = "edges"
    """which samples count: those that share cluster and label with another one, or those of their cluster's most
    frequent label"""
    clustering: ClusteringConfig = TSNEMixture()
    """of the unlabelled samples, made once per run"""

    def build(self) -> PriorEstimator:
        count = {"edges": three_c_edges, "dominant": three_c_dominant}[self.reading]

        def estimate(
            prepared: Int[Array, " m"], predictions: Predictions, confusion: Float[Array, "k k"] | None
        ) -> Float[Array, " k"]:
            del confusion
            return count(prepared, predictions.label, predictions.scores.shape[1])

        return PriorEstimator(estimate, Clusters(self.clustering), name=f"3C ({self.reading})")


@dataclass(frozen=True)
class Clusters:
    """What 3C prepares: the cluster of each unlabelled sample, as many as classes."""

    clustering: ClusteringConfig

    def __call__(self, x: Float[np.ndarray, "m *s"], classes: int, seed: int) -> Int[np.ndarray, " m"]:
        """Where there are no more samples than classes each sample is a cluster by itself."""
        if len(x) <= classes:
            return np.arange(len(x), dtype=np.int32)
        flat = np.asarray(x, np.float32).reshape(len(x), -1)
        return self.clustering.build()(flat, classes, seed).astype(np.int32)


def three_c_edges(cluster: Int[Array, " m"], label: Int[Array, " m"], classes: int) -> Float[Array, " k"]:
    """An edge joins two samples of equal cluster and equal pseudo-label; a sample with an edge counts.

    Only samples alone in their (cluster, class) cell are dropped.
    """
    return _shares(label, _cell_size(cluster, label) > 1, classes)


def three_c_dominant(cluster: Int[Array, " m"], label: Int[Array, " m"], classes: int) -> Float[Array, " k"]:
    """Of each cluster the samples of its most frequent pseudo-label count (ties: the first)."""
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
