"""CBST+AVH on VisDA-2017 with a ResNet-101, from synthetic to real pictures (AVH paper, section 5.1, table 3).

    jzsl run configs/visda_adaptation.py --data.root DIR --method.network.weights resnet101.pth

DIR holds the folders train and validation of VisDA-2017, each with a folder per class; the weights are torchvision's
ImageNet ones. The paper reports a mean class accuracy of 81.5 (CBST 76.4, CRST 78.1, source only 51.6; per class in
table 3). `--selection CBST` and `CRST` are the comparisons, `--self-training.rounds 0` is the source model alone. It
was not run here for want of the pictures and of an accelerator; 207,000 images need 31 GB of memory, less
with `PerClass`.

Stated in the paper or in the public code of CRST: network, portions of 20 % and 5 % more each round up to 50 %, warm
rounds. Optimizer, minibatches and epochs of a round are usual ones. Running statistics follow minibatches of both
domains, as there; `--method.adabn AdaBN` gives each domain its own.
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import ImageFolder
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.resnet_imagenet import PretrainedResNet
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.sgd import SGD

CONFIG = Experiment(
    data=ImageFolder(
        root=Path("data/visda"),
        reading=Reading(size=224, shorter=256),
        domains=True,
        target="validation",
        sources=("train",),
    ),
    method=ImageClassifier(
        network=PretrainedResNet(Path("resnet101.pth"), 101),
        augment=RandomFlip(),
        optimizer=SGD(1e-3, l2=5e-4),
        batch_size=32,
    ),
    tasks=(Adaptation(),),
    transform=Unscaled(),
    train=Train(epochs=1),
    self_training=STHS(rounds=7, selection=CBSTAVH(), schedule=PortionSchedule(0.2, 0.05, 0.5), warm=True),
    seeds=1,
)
