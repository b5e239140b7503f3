"""f-CLSWGAN on any folder of the xlsa17 layout, with the ABP paper's classifiers.

    jzsl run configs/xlsa17_wgan.py --data.root DIR --data.features res101

It trains with the settings of its own paper; the number of epochs is chosen on validation classes.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.wgan import WGAN
from jzsl.methods.generative import Generative

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(generator=WGAN()),
)
