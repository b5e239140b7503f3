"""SJE, a ranking loss, on any folder of the xlsa17 layout.

jzsl run configs/xlsa17_sje.py --data.root DIR --data.features effnetlite0
"""

from jzsl.config import Experiment, Train
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.sje import SJE

CONFIG = Experiment(data=Xlsa17(), method=SJE(), train=Train(max_epochs=40))
