"""Clustering without any labelled class: the samples that training had."""

from dataclasses import dataclass
from typing import ClassVar

from jzsl.tasks.cluster_agreement import ClusterAgreement


@dataclass(frozen=True)
class Clustering(ClusterAgreement):
    """All samples that training had, none of them with a label; scored by ACC, NMI and ARI of
    `jzsl.metrics.clustering` on this pool."""

    name: ClassVar[str] = "clustering"
    numbers: ClassVar[tuple[str, ...]] = ("ACC_pool", "NMI_pool", "ARI_pool")
    headline: ClassVar[str] = "ACC_pool"
