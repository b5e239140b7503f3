"""AutoNovel on CIFAR-10: five labelled classes, the other five are to be discovered; for accelerators.

jzsl run configs/cifar10_autonovel.py --data.data.path images_32x32_jpeg.npz

RotNet on all images for 200 epochs, stage4 and a classifier on the labelled ones for 100, then the joint training for
200, with the incremental head: settings of the low-supervision thesis, chapter 6 and appendix B, and of its authors'
code where the text leaves them open. The thesis reports ACC_new 91.7 ± 0.9 %, 90.4 ± 0.5 % without the incremental
head, and 90.6, 88.8, 89.7 % for old, new and all test images. Not measured here. configs/cifar10_autonovel_small.py is
for two cores.
"""

from pathlib import Path

from jzsl.config import Experiment, Stage, Train
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.new_classes import NewClasses
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

NETWORK = Normalised(ResNet(), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
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
    data=NewClasses(ImageBytes(Path("images_32x32_jpeg.npz")), new=("dog", "frog", "horse", "ship", "truck")),
    method=AutoNovel(NETWORK, AUGMENT, incremental=True),
    tasks=(Discovery(), DiscoveryHeldOut()),
    train=Train(epochs=200, chunk=10),
    stages=(Stage("rotnet", RotNet(NETWORK, AUGMENT), 200), Stage("supervised", SUPERVISED, 100)),
)
