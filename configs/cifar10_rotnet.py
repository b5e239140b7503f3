"""RotNet on CIFAR-10 without labels, then its last macro-block and a classifier of the ten classes with labels.

jzsl run configs/cifar10_rotnet.py --data.path images_32x32_jpeg.npz

The first two steps of the low-supervision thesis, chapter 6: RotNet for 200 epochs, then 100 epochs on labelled images,
of stage4 and the class weights alone; blocks that stay normalise by the minibatch, their scales fixed. Settings are
those of the thesis and of its authors' code, at full width, for accelerators. Nothing was chosen on test images. For
two cores an eighth of the width and 1,000 images per class:

jzsl run configs/cifar10_rotnet.py --data PerClass --data.data ImageBytes --data.data.path images_32x32_jpeg.npz \
    --data.train 1000 --method.network.network.width 0.125 --stages.0.method.network.network.width 0.125 \
    --stages.0.epochs 5 --train.epochs 10 --seeds 1

A linear probe in place of the second step, of the network that the first run trained:

jzsl run configs/cifar10_rotnet.py --data.path images_32x32_jpeg.npz --method Probe --method.network Normalised \
    --method.network.mean 0.491 0.482 0.447 --method.network.std 0.247 0.243 0.262 \
    --stages-from runs/cifar10_rotnet --out runs/cifar10_probe
"""

from pathlib import Path

from jzsl.config import Experiment, Stage, Train
from jzsl.data.image_bytes import ImageBytes
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.rotnet import RotNet
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.step_decay import StepDecay

NETWORK = Normalised(ResNet(), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
AUGMENT = Sequence((PaddedCrop(4), RandomFlip()))
EVERY_TENTH = tuple(step / 10 for step in range(1, 10))

CONFIG = Experiment(
    data=ImageBytes(Path("images_32x32_jpeg.npz")),
    method=ImageClassifier(
        network=NETWORK,
        augment=AUGMENT,
        optimizer=SGD(0.1, l2=1e-4, rate=StepDecay(EVERY_TENTH, 0.5)),
        learned=("stage4",),
        others=BatchNormPolicy.frozen_affine,
        batch_size=128,
    ),
    tasks=(Adaptation(),),
    train=Train(epochs=100),
    seeds=3,
    stages=(Stage("rotnet", RotNet(NETWORK, AUGMENT), epochs=200),),
)
