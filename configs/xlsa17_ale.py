"""ALE, a ranking loss, on any folder of the xlsa17 layout.

jzsl run configs/xlsa17_ale.py --data.root DIR --data.features effnetlite0
"""

from jzsl.config import Experiment, Train
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.ale import ALE

CONFIG = Experiment(data=Xlsa17(), method=ALE(), train=Train(max_epochs=40))
