"""A conditional VAE on the handwritten digits that scikit-learn ships; digits 3, 5 and 6 have no labelled samples.

jzsl run configs/digits_cvae.py
"""

from jzsl.config import Experiment
from jzsl.data.digits import Digits
from jzsl.generators.cvae import CVAE
from jzsl.methods.generative import Generative
from jzsl.problem.transforms import Unscaled

CONFIG = Experiment(
    data=Digits(),
    method=Generative(generator=CVAE(), zsl_noise=False),
    transform=Unscaled(),  # pixels are in [0, 1] already
)
