"""ABP on the handwritten digits that scikit-learn ships; digits 3, 5 and 6 have no labelled rows.

jzsl run configs/digits_abp.py
"""

from jzsl.config import Experiment
from jzsl.data.digits import Digits
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.scaling import Scaling

CONFIG = Experiment(
    data=Digits(),
    method=Generative(generator=ABP(observation_noise=False)),
    scaling=Scaling.none,  # pixels are in [0, 1] already
)
