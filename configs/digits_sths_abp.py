"""STHS around ABP on handwritten digits; digits 3, 5 and 6 have no labelled samples, but their images are there.

jzsl run configs/digits_sths_abp.py

Expect T1 to rise from 77.5 % to 89.7 ± 3.9 % over five seeds in four rounds, half a minute on two cores.
"""

from jzsl.config import Experiment, Train
from jzsl.data.digits import Digits
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS

CONFIG = Experiment(
    data=Digits(),
    method=Generative(generator=ABP(), zsl_noise=False),
    transform=Unscaled(),  # pixels are in [0, 1] already
    train=Train(epochs=5),  # 80 learning steps in round 0: the two validation digits are too few to choose a length
    self_training=STHS(rounds=4, selection=CFBS(0.67)),
)
