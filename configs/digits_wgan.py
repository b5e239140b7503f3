"""f-CLSWGAN on the handwritten digits that scikit-learn ships; digits 3, 5 and 6 have no labelled samples.

jzsl run configs/digits_wgan.py

The number of epochs is fixed: T1 on the two validation digits is hardly above chance, and choosing by it would stop
long before the critic has settled.
"""

from jzsl.config import Experiment, Train
from jzsl.data.digits import Digits
from jzsl.generators.wgan import WGAN
from jzsl.methods.generative import Generative
from jzsl.problem.transforms import Unscaled

CONFIG = Experiment(
    data=Digits(),
    method=Generative(generator=WGAN()),
    train=Train(epochs=50, chunk=10),
    transform=Unscaled(),  # pixels are in [0, 1] already
)
