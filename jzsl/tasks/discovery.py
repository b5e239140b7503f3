"""Discovery of new classes: the unlabelled samples that training had, among the clusters."""

from dataclasses import dataclass
from typing import ClassVar

from jzsl.tasks.cluster_agreement import ClusterAgreement


@dataclass(frozen=True)
class Discovery(ClusterAgreement):
    """Unlabelled samples of new classes, which training had without their labels, among the clusters.

    Scored by ACC, NMI and ARI of `jzsl.metrics.clustering` on this pool, as in the thesis, chapter 6, table 1.
    """

    name: ClassVar[str] = "discovery"
    numbers: ClassVar[tuple[str, ...]] = ("ACC_new_pool", "NMI_new_pool", "ARI_new_pool")
    headline: ClassVar[str] = "ACC_new_pool"
