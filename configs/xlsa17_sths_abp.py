"""STHS around ABP on any folder of the xlsa17 layout: transductive, the unseen samples as a separate unlabelled pool.

    jzsl run configs/xlsa17_sths_abp.py --data.root DIR --data.features effnetlite0

`--selection PNCFBS --self-training.selection.hard-class-fraction 0.9` normalises by an estimated class prior;
`--selection RandomSampling` is the comparison without hardness.

The length of a round is chosen on validation classes; five seeds then give T1 49.6 ± 6.8 % on caltech101. K = 90 % was
chosen on three folds of its seen classes.
There five seeds gave T1 36.8 % inductive, 41.5 ± 2.9 % with random sampling and 43.5 ± 4.4 % with CFBS (47.4 ± 3.5 %
with K = 70 %, which the folds did not choose), measured with `--train.epochs 3`.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(generator=ABP(hidden=2048), zsl_noise=False),
    self_training=STHS(rounds=5, selection=CFBS(0.9)),
)
