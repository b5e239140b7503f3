"""A residual network on PACS, the second base of the study of `pacs_generalization.py` (AVH, table 5).

jzsl run configs/pacs_generalization_resnet.py --data.data.path images_96x96_jpeg.npz --data.data.target sketch
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.formats.picture import Reading
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.per_class import PerClass
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.resnet import ResNet
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.adam import Adam

CONFIG = Experiment(
    data=PerClass(ImageBytes(Path("images_96x96_jpeg.npz"), Reading(size=32, shorter=32)), train=150),
    method=ImageClassifier(
        network=ResNet((1, 1, 1), width=0.125),
        augment=Sequence((PaddedCrop(2), RandomFlip())),
        optimizer=Adam(2e-3),
        batch_size=32,
    ),
    tasks=(Adaptation(),),
    train=Train(epochs=12),
    seeds=3,
)
