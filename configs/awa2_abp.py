"""ABP on AWA2 with ResNet-101 features and the proposed split, in the ABP paper's settings (section 5.1).

    jzsl run configs/awa2_abp.py --data.root DIR

DIR holds res101.mat and att_splits.mat of xlsa17. The paper reports T1 70.4 and H 62.6; its public code picks the
best epoch on test data, which this run does not. Features generated for zsl carry no observation noise, a departure
explained in configs/xlsa17_abp.py.
"""

from pathlib import Path

from jzsl.config import Experiment, Train
from jzsl.data.xlsa17 import Xlsa17
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

CONFIG = Experiment(
    data=Xlsa17(root=Path("data/AWA2"), features="res101", splits="att_splits"),
    method=Generative(generator=ABP(), zsl_noise=False, per_class=1500),
    tasks=(ZSL(), GZSL()),
    train=Train(epochs=50, chunk=5),
)
