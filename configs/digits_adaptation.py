"""CBST with AVH under a domain shift: digits turned, faded and noisy, learned from clean ones (the VisDA protocol).

    jzsl run configs/digits_adaptation.py

`--selection CBST`, `CRST` and the others are the comparisons; `--self-training.rounds 0` is the source model alone.
Expect A 79.4 ± 1.6 % over five seeds (source alone 78.5, `CRST` 88.7 ± 0.9), some seconds on two cores.
Rounds go on with the last round's model and follow CBST's schedule because CBST's public code does.
"""

from jzsl.config import Experiment, Train
from jzsl.data.digits_shift import DigitsShift
from jzsl.methods.supervised import Supervised
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation

CONFIG = Experiment(
    data=DigitsShift(),
    method=Supervised(),
    tasks=(Adaptation(),),
    transform=Unscaled(),  # pixels are in [0, 1] already
    train=Train(epochs=20),
    self_training=STHS(rounds=7, selection=CBSTAVH(), schedule=PortionSchedule(0.2, 0.05, 0.5), warm=True),
)
