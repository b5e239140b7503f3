"""AutoNovel where the classes of the unlabelled samples, and their number, are unknown.

jzsl run configs/unlabelled_discovery.py --data.data.path FILE.npz

The file holds `features`, `labels` (-1 for samples without one), `train` and `test_seen` (jzsl/data/arrays.py); samples
without a label are those in which classes are discovered. No accuracy of them can be known: the result holds the number
of clusters with how it was estimated, their sizes and silhouette, and the accuracy of old classes on held-out samples.
`--data.clusters 12` gives the number. Settings are those of configs/features_discovery.py: a perceptron is trained on
the labelled samples first.

Pictures: `--data.data ImageFolder --data.data.root FOLDER`, with class folders and a folder `unlabelled` in it, and the
network and augmentation of configs/cifar10_autonovel.py; or features of them, by `jzsl features`, with `--data.data
Xlsa17`. Without any labelled sample: configs/features_lsd_c.py or digits_k_means.py with `--data.data Arrays` and
`--tasks UnlabelledPool`.
"""

from jzsl.config import Experiment, Stage, Train
from jzsl.data.arrays import Arrays
from jzsl.data.new_classes import NewClasses
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.mlp import MLP
from jzsl.tasks.old_held_out import OldHeldOut
from jzsl.tasks.unlabelled_pool import UnlabelledPool
from jzsl.training.augment.entry_dropout import EntryDropout
from jzsl.training.optimizers.adam import Adam
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours

NETWORK = MLP((512,))
AUGMENT = EntryDropout(0.2)

CONFIG = Experiment(
    data=NewClasses(Arrays(), clusters="estimated"),
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
    tasks=(UnlabelledPool(), OldHeldOut()),
    train=Train(epochs=75, chunk=25),
    stages=(Stage("supervised", ImageClassifier(NETWORK, augment=AUGMENT, optimizer=Adam(1e-3), batch_size=128), 20),),
)
