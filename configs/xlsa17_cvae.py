"""A conditional VAE on any folder of the xlsa17 layout, with the ABP paper's classifiers.

    jzsl run configs/xlsa17_cvae.py --data.root DIR --data.features res101

It trains with the settings of its own paper; the number of epochs is chosen on validation classes.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.cvae import CVAE
from jzsl.methods.generative import Generative

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(generator=CVAE(), zsl_noise=False),
)
