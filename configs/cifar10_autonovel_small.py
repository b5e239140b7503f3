"""AutoNovel on CIFAR-10 for two cores: an eighth of the network's width, a tenth of the training images, short stages.

jzsl run configs/cifar10_autonovel_small.py --data.data.data.path images_32x32_jpeg.npz

Expect ACC_new_pool 42.6 %, ACC_old 58.4 and ACC_new 0 on the test images, in ten minutes on one core; chance is 20 and
10. The clusters are no better than k-means on the features of the second stage (44.6): ten epochs are 400 steps
(benchmarks/RESULTS.md).

All else is as in configs/cifar10_autonovel.py: RotNet on all images, stage4 and a classifier on the labelled ones, the
joint training. Its parts and rivals are compared by `jzsl study discovery-ablation` and `discovery-rivals` with
`--config configs/cifar10_autonovel_small.py --data images_32x32_jpeg.npz`.
"""

from pathlib import Path

from jzsl.config import Experiment, Stage, Train
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.rotnet import RotNet
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.step_decay import StepDecay

NETWORK = Normalised(ResNet(width=0.125), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
AUGMENT = Sequence((PaddedCrop(4), RandomFlip()))
EVERY_TENTH = tuple(step / 10 for step in range(1, 10))
SUPERVISED = ImageClassifier(
    NETWORK,
    augment=AUGMENT,
    optimizer=SGD(0.1, l2=1e-4, rate=StepDecay(EVERY_TENTH, 0.5)),
    learned=("stage4",),
    others=BatchNormPolicy.frozen_affine,
    batch_size=128,
)

CONFIG = Experiment(
    data=NewClasses(
        PerClass(ImageBytes(Path("images_32x32_jpeg.npz")), train=500),
        new=("dog", "frog", "horse", "ship", "truck"),
    ),
    method=AutoNovel(NETWORK, AUGMENT, incremental=True),
    tasks=(Discovery(), DiscoveryHeldOut()),
    train=Train(epochs=10, chunk=5),
    stages=(Stage("rotnet", RotNet(NETWORK, AUGMENT), 10), Stage("supervised", SUPERVISED, 10)),
    seeds=1,
)
