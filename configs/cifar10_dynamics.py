"""A small residual network on 2,500 images of CIFAR-10, and the studies of angular hardness (AVH, sections 3 and 4).

jzsl run configs/cifar10_dynamics.py --data.data.path images_32x32_jpeg.npz

The studies read the same images and train three named networks, or more:

jzsl study image-dynamics --data images_32x32_jpeg.npz --config configs/cifar10_dynamics.py \
    --base cnn_narrow cnn resnet --seeds 2 --out studies/dynamics
jzsl study hardness-correlation --data images_32x32_jpeg.npz --config configs/cifar10_dynamics.py \
    --base cnn resnet --seeds 3 --out studies/correlation
jzsl study better-models --data images_32x32_jpeg.npz --config configs/cifar10_dynamics.py \
    --base cnn_narrow cnn cnn_deep resnet --epochs 6 --seeds 1 --out studies/better

Expect accuracies of 34, 39 and 42 % for the three networks, AVH that rises with every level of every degradation, 0.53
(AVH) and 0.58 (model confidence) with how often other seeds recognise an image, and r = -0.92 of AVH and accuracy over
eight networks; two to seven minutes of processor time each.

`--frequency cifar10h-probs.npy` gives people's votes on the test images (CIFAR-10H), for a file whose test images are
in the order of CIFAR-10's own test batch. `--data.train None --train.epochs 60` is for accelerators.
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.per_class import PerClass
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.tasks.adaptation import Adaptation

CONFIG = Experiment(
    data=PerClass(ImageBytes(Path("images_32x32_jpeg.npz")), train=250, test=200),
    method=ImageClassifier(
        network=Normalised(ResNet((1, 1, 1), width=0.25), mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262)),
        batch_size=32,
    ),
    tasks=(Adaptation(),),  # test samples of seen classes, here of the same domain
    train=Train(epochs=10),
    seeds=3,
)
