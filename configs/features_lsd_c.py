"""LSD-C on any folder of features in the xlsa17 layout: all its classes as clusters, without any label.

jzsl run configs/features_lsd_c.py --data.data.root DIR --data.data.features effnetlite0 \
    --data.data.splits att_splits

Settings are those of the low-supervision thesis, chapter 7, for vectors (Reuters): a perceptron, Adam at 0.001, batches
of 256, k = 5 neighbours, consistency of weight 25; its denoising autoencoder is left out, so the first view is the
vector itself and keeps its neighbours. Not measured here.
"""

from jzsl.config import Experiment, Train
from jzsl.data.clustered import Clustered
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.lsd_c import LSDC
from jzsl.nets.mlp import MLP
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.clustering_held_out import ClusteringHeldOut
from jzsl.training.augment.entry_dropout import EntryDropout
from jzsl.training.augment.mixup import MixUp
from jzsl.training.optimizers.adam import Adam
from jzsl.training.rates.ramp_up import RampUp
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours

CONFIG = Experiment(
    data=Clustered(Xlsa17()),
    method=LSDC(
        MLP((512,)),
        EntryDropout(0.2),
        augment_first=False,
        similarity=NearestNeighbours(5),
        mix=MixUp(),
        consistency_weight=25.0,
        ramp=RampUp(100 / 75),
        optimizer=Adam(1e-3, l2=2e-3),
        learned=None,
    ),
    tasks=(Clustering(), ClusteringHeldOut()),
    train=Train(epochs=75, chunk=25),
)
