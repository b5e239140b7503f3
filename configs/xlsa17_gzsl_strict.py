"""STHS-GZSL: one unlabelled pool of seen and unseen test samples mixed (STHS, section 4.5).

    jzsl run configs/xlsa17_gzsl_strict.py --data.root DIR --data.features res101

No round learns which samples are of unseen classes; it takes those that the base predicts as such. The calibration
offset and the length of a round are chosen on validation classes once, with the inductive base. On caltech101 five
seeds gave H 46.9 ± 3.4 %, with `--selection RandomSampling` 49.4 ± 3.6 and with `CBSTAVH` 58.1 ± 5.5 (the base alone
46.8 ± 1.0), measured with `--train.epochs 5` and the offset of five seeds.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.s2v import S2V
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

CONFIG = Experiment(
    data=Xlsa17(),
    method=S2V(),
    tasks=(GZSL(),),
    calibration=True,
    self_training=STHS(rounds=5, selection=CFBS(0.5), strict=True),
)
