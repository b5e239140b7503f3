"""RotNet on the handwritten digits without labels, then a linear probe of its features with labels.

jzsl run configs/digits_rotnet.py

Expect A 94.1 ± 0.9 % over five seeds, 156 s on two cores with compilation: features that say no more about digits
than those of random weights do (benchmarks/RESULTS.md). Settings are the papers' but for the size of network and crop.
"""

from jzsl.config import Experiment, Stage, Train
from jzsl.data.digits_images import DigitImages
from jzsl.methods.probe import Probe
from jzsl.methods.rotnet import RotNet
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.crop import PaddedCrop

NETWORK = Normalised(ResNet(blocks=(1, 1), width=0.5))

CONFIG = Experiment(
    data=DigitImages(unseen=()),
    method=Probe(NETWORK),
    tasks=(Adaptation(),),  # test samples of seen classes, here of the same domain
    train=Train(epochs=1),
    stages=(Stage("rotnet", RotNet(NETWORK, PaddedCrop(1)), epochs=30),),
)
