"""A plain network on PACS, and the study of the AVH loss against softmax in domains left out (AVH, table 5).

jzsl run configs/pacs_generalization.py --data.data.path images_96x96_jpeg.npz --data.data.target sketch

For two cores: 32 x 32 pixels, 150 training images of each of seven classes, three convolutions, 12 epochs, which learn
little. For accelerators, with the ten layers of the paper: `--data.train None --data.data.reading.size 96
--data.data.reading.shorter 96 --method.network.channels 64 128 256 --method.network.convolutions 3 3 3
--train.epochs 60`.
The study leaves each of the four domains out once, and names no target:

jzsl study domain-generalization --data images_96x96_jpeg.npz --config configs/pacs_generalization.py \
    --base configs/pacs_generalization.py configs/pacs_generalization_resnet.py --seeds 5 --out studies/generalization

Expect 23 to 31 % in a domain left out at this size, by either loss (chance is 14), and 40 to 47 % of held-out source
images.
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.formats.picture import Reading
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.per_class import PerClass
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.vgg import VGG
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.adam import Adam

CONFIG = Experiment(
    data=PerClass(ImageBytes(Path("images_96x96_jpeg.npz"), Reading(size=32, shorter=32)), train=150),
    method=ImageClassifier(
        network=VGG(channels=(16, 32, 64), convolutions=(1, 1, 1)),
        augment=Sequence((PaddedCrop(2), RandomFlip())),
        optimizer=Adam(2e-3),
        batch_size=32,
    ),
    tasks=(Adaptation(),),
    train=Train(epochs=12),
    seeds=3,
)
