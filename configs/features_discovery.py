"""AutoNovel on any folder of features in the xlsa17 layout: the unseen classes of its split are to be discovered.

jzsl run configs/features_discovery.py --data.data.root DIR --data.data.features effnetlite0 \
    --data.data.splits att_splits

On caltech101 three seeds have ACC_new_pool 56.0 ± 2.3 %, less than k-means on the features of the first stage, 63.9 ±
1.4 %; Deep Transfer Clustering, which clusters alone, has 67.0 ± 7.5 %:

jzsl run configs/features_discovery.py --method DTC --method.network MLP --method.augment EntryDropout \
    --method.learned None --method.optimizer Adam --method.optimizer.learning-rate 1e-3 --tasks Discovery \
    --train.epochs 50 --data.data.root DIR --data.data.features effnetlite0 --data.data.splits att_splits

Rivals on the same classes: `--method UNO` and `LSDC` with the same network and views, LSDC with `--method.mix MixUp` as
well; `--method KMeans --method.network MLP`; `jzsl study discovery-rivals` trains them all.

The network is a perceptron of one hidden layer, trained on labelled classes first; a view of a vector drops a fifth of
its entries. Optimizer and consistency are those of the thesis for vectors (Reuters). k was chosen on two draws of 25 of
the labelled classes. Minibatches have up to 2,048 samples, so that a sample has neighbours of its class in them; they
were enlarged after the accuracy of the new classes with 256 had been seen.
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
        similarity=NearestNeighbours(10),
        consistency_weight=25.0,
        incremental=True,
        optimizer=Adam(1e-3),
        learned=None,
        batch_size=2048,
    ),
    tasks=(Discovery(), DiscoveryHeldOut()),
    train=Train(epochs=75, chunk=25),
    stages=(Stage("supervised", ImageClassifier(NETWORK, augment=AUGMENT, optimizer=Adam(1e-3), batch_size=128), 20),),
)
