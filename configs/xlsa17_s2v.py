"""S2V, the embedding method of STHS, on any folder of the xlsa17 layout.

    jzsl run configs/xlsa17_s2v.py --data.root DIR --data.features effnetlite0

STHS trains 5, 30 and 30 epochs on AWA2, CUB and SUN; here the number is chosen on validation classes.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.s2v import S2V

CONFIG = Experiment(data=Xlsa17(), method=S2V())
