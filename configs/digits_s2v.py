"""S2V on the handwritten digits that scikit-learn ships; digits 3, 5 and 6 have no labelled samples.

jzsl run configs/digits_s2v.py
"""

from jzsl.config import Experiment
from jzsl.data.digits import Digits
from jzsl.methods.s2v import S2V
from jzsl.problem.transforms import Unscaled

CONFIG = Experiment(data=Digits(), method=S2V(), transform=Unscaled())
