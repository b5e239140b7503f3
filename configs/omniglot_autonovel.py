"""AutoNovel on Omniglot: the characters of one alphabet are to be discovered, those of five others are labelled.

jzsl run configs/omniglot_autonovel.py --data.data.root DIR --data.data.unseen Sanskrit

DIR holds images_background_small1.zip and images_background_small2.zip as they were published. One seed has
ACC_new_pool 83.8 % on Tagalog, 51.1 on Sanskrit and 70.9 on Japanese (katakana), where k-means on the features of the
first stage has 68.2, 49.3 and 63.5; three to four minutes on one core.

As in the thesis the network is one in the manner of VGG with six layers, smaller than that, labels train it before the
joint training, and Adam is the optimizer; a cross-entropy replaces metric learning. Nearest neighbours replace ranking
statistics, which find hardly a pair among its features. Similarity and consistency were chosen on Korean as new beside
the other alphabets of the first set. The size of minibatches was changed after a look at Japanese, before epochs were
divided evenly: with 1,100 an epoch had no small last one, whose nearest neighbours were of other characters
(benchmarks/RESULTS.md).
"""

from jzsl.config import Experiment, Stage, Train
from jzsl.data.new_classes import NewClasses
from jzsl.data.omniglot import Omniglot
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.flattened import Flattened
from jzsl.nets.vgg import VGG
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.on_white import OnWhite
from jzsl.training.augment.random_rotation import RandomRotation
from jzsl.training.optimizers.adam import Adam
from jzsl.training.rates.step_decay import StepDecay
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours

NETWORK = Flattened(VGG((16, 32, 64, 64), (1, 2, 2, 1)))
AUGMENT = OnWhite(Sequence((RandomRotation(10), PaddedCrop(2))))
SUPERVISED = ImageClassifier(
    NETWORK, augment=AUGMENT, optimizer=Adam(1e-3, rate=StepDecay((0.6, 0.8), 0.2)), batch_size=64
)

CONFIG = Experiment(
    data=NewClasses(Omniglot(unseen=("Tagalog",), seen=("images_background_small1",)), held_out=0),
    method=AutoNovel(
        NETWORK,
        AUGMENT,
        augment_first=False,
        similarity=NearestNeighbours(3),
        optimizer=Adam(1e-3),
        learned=("stage4",),
        batch_size=1100,
    ),
    tasks=(Discovery(),),
    train=Train(epochs=45, chunk=15),
    stages=(Stage("supervised", SUPERVISED, 20),),
)
