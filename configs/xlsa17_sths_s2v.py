"""STHS around S2V on any folder of the xlsa17 layout: transductive, the unseen samples as a separate unlabelled pool.

    jzsl run configs/xlsa17_sths_s2v.py --data.root DIR --data.features effnetlite0

`--selection PNCFBS --self-training.selection.hard-class-fraction 0.5` normalises by an estimated class prior;
`--selection RandomSampling` is the comparison without hardness. The length of a round is chosen on validation classes.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.s2v import S2V
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS

CONFIG = Experiment(
    data=Xlsa17(),
    method=S2V(),
    self_training=STHS(rounds=5, selection=CFBS(0.5)),
)
