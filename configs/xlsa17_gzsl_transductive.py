"""Generalized, unseen samples as a separate unlabelled pool: a detector, and an expert for each group.

    jzsl run configs/xlsa17_gzsl_transductive.py --data.root DIR --data.features res101

STHS around S2V trains the expert of unseen classes (STHS, section 4.3); T1 is its accuracy when every sample is
known to be of an unseen class, and chooses the length of a round on validation classes. On caltech101 five seeds gave
H 56.9 ± 6.7 % and T1 43.3 ± 7.4 (the base alone 52.7 and 38.5), measured with `--train.epochs 5` and while outlier
exposure weighted the unlabelled samples by their number.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.gated import Gated
from jzsl.methods.s2v import S2V
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

CONFIG = Experiment(
    data=Xlsa17(),
    method=Gated(unseen=S2V()),
    tasks=(GZSL(), ZSL()),
    self_training=STHS(rounds=5, selection=CFBS(0.5)),
)
