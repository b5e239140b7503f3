"""AutoNovel on any folder of features in the xlsa17 layout: the unseen classes of its split are to be discovered.

jzsl run configs/features_discovery.py --data.data.root DIR --data.data.features effnetlite0 \
    --data.data.splits att_splits

EXPECTED

Beside it, on the same classes: `--method UNO --method.network MLP --method.augment EntryDropout`, `--method LSDC` with
the same network and augmentation and `--method.mix MixUp`, `--method DTC` likewise, or `--method KMeans --stages`.
The network is a perceptron of one hidden layer, trained on labelled classes first; views of a vector are its entries
with a fifth of them dropped at random. Optimizer and consistency are those of the thesis for perceptrons (Reuters);
with 25 classes two of 100 unlabelled samples in a minibatch are of one class in four pairs of a hundred, hence k = 5.
Nothing was chosen by the labels of unlabelled samples.
"""

from jzsl.config import Experiment, Stage, Train
from jzsl.data.new_classes import NewClasses
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.mlp import MLP
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut
from jzsl.training.augment.entry_dropout import EntryDropout
from jzsl.training.optimizers.adam import Adam
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours

NETWORK = MLP((512,))
AUGMENT = EntryDropout(0.2)

CONFIG = Experiment(
    data=NewClasses(Xlsa17()),
    method=AutoNovel(
        NETWORK,
        AUGMENT,
        augment_first=False,
        similarity=NearestNeighbours(5),
        consistency_weight=25.0,
        incremental=True,
        optimizer=Adam(1e-3),
        learned=None,
        batch_size=256,
    ),
    tasks=(Discovery(), DiscoveryHeldOut()),
    train=Train(epochs=75, chunk=25),
    stages=(Stage("supervised", ImageClassifier(NETWORK, augment=AUGMENT, optimizer=Adam(1e-3), batch_size=128), 20),),
)
