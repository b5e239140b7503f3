"""ResNet-18 on CIFAR-10 with labels, at the width and the schedule of the papers, for accelerators.

jzsl run configs/cifar10_supervised.py --data.path images_32x32_jpeg.npz

Crops of images padded by four pixels, flips, SGD with Nesterov momentum, 0.1 divided by 5 after 60, 120 and 160 of 200
epochs, weight decay 5e-4, minibatches of 128: the settings of Wide ResNets (Zagoruyko and Komodakis, 2016), which
RotNet's code takes over. Nothing was chosen on test images. For two cores an eighth of the width and 1,000 images per
class; the schedule is as a share of the epochs:

jzsl run configs/cifar10_supervised.py --data PerClass --data.data ImageBytes --data.data.path images_32x32_jpeg.npz \
    --data.train 1000 --method.network.network.width 0.125 --train.epochs 10 --seeds 1
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.image_bytes import ImageBytes
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.step_decay import StepDecay

CONFIG = Experiment(
    data=ImageBytes(Path("images_32x32_jpeg.npz")),
    method=ImageClassifier(
        network=Normalised(ResNet(), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262)),
        augment=Sequence((PaddedCrop(4), RandomFlip())),
        optimizer=SGD(0.1, nesterov=True, l2=5e-4, rate=StepDecay((0.3, 0.6, 0.8), 0.2)),
        batch_size=128,
    ),
    tasks=(Adaptation(),),  # test samples of seen classes, here of the same domain
    train=Train(epochs=200),
    seeds=3,
)
