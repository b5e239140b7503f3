"""k-means of all ten handwritten digits, on pixels and without any label.

jzsl run configs/digits_k_means.py

Expect ACC_pool 80.0 ± 0.4 % and, on held-out samples, ACC 77.3 ± 0.5 % over five seeds, a few seconds on two cores.
"""

from jzsl.config import Experiment
from jzsl.data.clustered import Clustered
from jzsl.data.digits import Digits
from jzsl.methods.k_means import KMeans
from jzsl.problem.transforms import Unscaled
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.clustering_held_out import ClusteringHeldOut

CONFIG = Experiment(
    data=Clustered(Digits(unseen=(), validation=())),
    method=KMeans(),
    tasks=(Clustering(), ClusteringHeldOut()),
    transform=Unscaled(),
)
