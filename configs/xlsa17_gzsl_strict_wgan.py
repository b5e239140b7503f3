"""STHS-GZSL with the STHS paper's base of table 4, a WGAN: one unlabelled pool of seen and unseen test samples.

    jzsl run configs/xlsa17_gzsl_strict_wgan.py --data.root DIR --data.features res101

`--selection RandomSampling` is ST-WGAN-RS, `--self-training.rounds 0` the inductive base.
"""

from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.wgan import WGAN
from jzsl.methods.generative import Generative
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(
        generator=WGAN(classification=0, learning_rate=2e-4, batch_size=128),
        gzsl=Softmax(epochs=30, learning_rate=2e-4, batch_size=256),
    ),
    tasks=(GZSL(),),
    calibration=True,
    self_training=STHS(rounds=4, selection=CFBS(0.8), strict=True),
)
