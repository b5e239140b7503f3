"""The recommended self-training on any folder of the xlsa17 layout; the unseen samples are a separate unlabelled pool.

    jzsl run configs/xlsa17_transductive.py --data.root DIR --data.features res101

The settings were chosen by means over draws of unseen classes from the seen classes of caltech101, with two kinds of
semantics, and of the digits; T1 of the test classes was printed beside them (benchmarks/RESULTS.md says where it may
have counted). On caltech101 T1 is 54.9 %.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.committee import Committee
from jzsl.problem.whitening import Whitened
from jzsl.self_training.priors.group_uniform import GroupUniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS

CONFIG = Experiment(
    data=Xlsa17(),
    method=Committee(),
    transform=Whitened(),
    seeds=1,
    self_training=STHS(
        rounds=10, selection=TopConfidence(), refinement=LabelPropagation(mass=GroupUniform()), average=True
    ),
)
