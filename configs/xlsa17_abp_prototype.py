"""ABP with the nearest mean of the generated features instead of its 20 nearest neighbours, xlsa17 layout.

jzsl run configs/xlsa17_abp_prototype.py --data.root DIR --data.features effnetlite0
"""

from jzsl.classifiers.prototype import Prototype
from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(generator=ABP(), zsl_noise=False, zsl=Prototype(), gzsl=Prototype()),
)
