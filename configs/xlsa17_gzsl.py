"""ABP in the generalized task, inductive, on any folder of the xlsa17 layout, with calibrated stacking.

    jzsl run configs/xlsa17_gzsl.py --data.root DIR --data.features res101

The number of epochs and the calibration offset are chosen on validation classes.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.tasks.gzsl import GZSL

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(generator=ABP(), zsl_noise=False),
    tasks=(GZSL(),),
    calibration=True,
)
