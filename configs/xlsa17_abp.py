"""ABP on any folder of the xlsa17 layout, with the ABP paper's settings (section 5.1).

    jzsl run configs/xlsa17_abp.py --data.root DIR --data.features effnetlite0 --data.splits att_splits

Add `--tasks ZSL GZSL` for U, S, H and AUSUC, and `--train.epochs 50` for the paper's fixed number of epochs.
On caltech101 five seeds gave T1 39.4 ± 0.9 % with the number of epochs chosen on validation classes (two), and
34.8 ± 0.8 % after 50.

The ABP paper's section 4.1 adds the noise of eq. 1 to generated features. On the validation classes of caltech101
(one seed) that costs nearest neighbours 8 points of T1 and gives the softmax classifier 13 of H, so here only the
generalized task has it; `--method.zsl-noise` follows the paper to the letter.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative

CONFIG = Experiment(
    data=Xlsa17(),
    method=Generative(generator=ABP(), zsl_noise=False, per_class=300),
)
