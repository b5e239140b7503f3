"""The recommended self-training in the strict setting: test samples of all classes mixed, on any xlsa17 folder.

    jzsl run configs/xlsa17_transductive_strict.py --data.root DIR --data.features res101

The settings were chosen on 42 draws of unseen classes from the seen classes of caltech101, with two kinds of
semantics, and of the digits; no test sample took part. On caltech101 H is 58.0 %.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.committee import Committee
from jzsl.problem.whitening import Whitened
from jzsl.self_training.priors.group_uniform import GroupUniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

CONFIG = Experiment(
    data=Xlsa17(),
    method=Committee(),
    tasks=(GZSL(),),
    calibration=True,
    transform=Whitened(),
    seeds=1,
    self_training=STHS(
        rounds=10,
        selection=TopConfidence(),
        refinement=LabelPropagation(mass=GroupUniform()),
        average=True,
        strict=True,
    ),
)
