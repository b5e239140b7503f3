"""LSD-C on CIFAR-10: ten clusters without any label; for accelerators.

jzsl run configs/cifar10_lsd_c.py --data.data.path images_32x32_jpeg.npz

RotNet for 200 epochs, then stage4 and the clusters for 220: settings of the low-supervision thesis, chapter 7 and its
supplement, with RICAP as in its authors' code. The thesis trains and scores on all 60,000 images and reports ACC
81.7 ± 0.9 %; here test images stay apart. Not measured here. For two cores an eighth of the width and 1,000 images per
class:

jzsl run configs/cifar10_lsd_c.py --data.data PerClass --data.data.data ImageBytes \
    --data.data.data.path images_32x32_jpeg.npz --data.data.train 1000 --method.network.network.width 0.125 \
    --stages.0.method.network.network.width 0.125 --stages.0.epochs 5 --train.epochs 10 --seeds 1
"""

from pathlib import Path

from jzsl.config import Experiment, Stage, Train
from jzsl.data.clustered import Clustered
from jzsl.data.image_bytes import ImageBytes
from jzsl.methods.lsd_c import LSDC
from jzsl.methods.rotnet import RotNet
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.clustering_held_out import ClusteringHeldOut
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip

NETWORK = Normalised(ResNet(), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
AUGMENT = Sequence((PaddedCrop(4), RandomFlip()))

CONFIG = Experiment(
    data=Clustered(ImageBytes(Path("images_32x32_jpeg.npz"))),
    method=LSDC(NETWORK, AUGMENT),
    tasks=(Clustering(), ClusteringHeldOut()),
    train=Train(epochs=220, chunk=10),
    stages=(Stage("rotnet", RotNet(NETWORK, AUGMENT), 200),),
)
