"""STHS around a WGAN on any folder of the xlsa17 layout: transductive, unseen samples as a separate unlabelled pool.

    jzsl run configs/xlsa17_sths_wgan.py --data.root DIR --data.features res101

The base and its classifier are the STHS paper's for AWA2 (supplement): no classification loss; `--train.epochs 20` is
its length of a round, which is chosen on validation classes here.
"""

from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.wgan import WGAN
from jzsl.methods.generative import Generative
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(
        generator=WGAN(classification=0, learning_rate=2e-4, batch_size=128),
        zsl=Softmax(epochs=30, learning_rate=2e-4, batch_size=256),
    ),
    self_training=STHS(rounds=4, selection=CFBS(0.8)),
)
