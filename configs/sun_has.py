"""HAS on SUN with a ResNet-101 and images of 448 x 448, in the paper's settings where it states them.

    jzsl run configs/sun_has.py --data.root DIR --data.images IMAGES --method.apn.network.weights resnet101.pth

DIR holds res101.mat, of which the names of the pictures are read, and att_splits.mat of xlsa17; IMAGES the pictures;
the weights are torchvision's. The paper reports T1 63.2 and H 40.8; its public code picks the best epoch and the
calibration on test data, which this run does not. It was not run here for want of the pictures.

Stated in the paper: Adam with beta1 0.5, learning rate 1e-4 (printed 10^4) times 0.8 every ten epochs, 64 images.
From its public code: weights and steps of the perturbation, blocks that learn, 60 epochs, five of them for the heads
alone.
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.formats.picture import Reading
from jzsl.data.xlsa17_images import Xlsa17Images
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN
from jzsl.methods.has import HAS
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.resnet_imagenet import PretrainedResNet
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import ReflectedTranslation
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.adam import Adam
from jzsl.training.rates.step_decay import StepDecay

APN_SUN = APN(
    network=PretrainedResNet(Path("resnet101.pth"), 101),
    optimizer=Adam(1e-4, beta1=0.5, rate=StepDecay(at=tuple(tens / 6 for tens in range(1, 6)), factor=0.8)),
    augment=Sequence((ReflectedTranslation(32), RandomFlip())),
    learned=("stage2", "stage3", "stage4"),
    others=BatchNormPolicy.frozen_affine,
    warmup=5,
)
CONFIG = Experiment(
    data=Xlsa17Images(root=Path("data/SUN"), reading=Reading(size=448, shorter=448)),
    method=HAS(
        APN_SUN,
        AdversarialSamples(
            steps=3,
            step_size=2 / 4,
            robustness=1.0,
            reliability=0.1,
            attention_entropy=0.1,
            attention_mass=0.1,
        ),
        probability=0.5,
    ),
    tasks=(ZSL(), GZSL()),
    calibration=True,
    train=Train(epochs=60),
)
