"""SAE, a closed form, on any folder of the xlsa17 layout. Every seed gives the same result.

jzsl run configs/xlsa17_sae.py --data.root DIR --data.features effnetlite0
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.sae import SAE

CONFIG = Experiment(data=Xlsa17(), method=SAE(), seeds=1)
