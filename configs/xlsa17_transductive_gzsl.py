"""The recommended self-training, generalized: the unseen samples are a separate unlabelled pool, on any xlsa17 folder.

    jzsl run configs/xlsa17_transductive_gzsl.py --data.root DIR --data.features res101

The settings were chosen by means over draws of unseen classes from the seen classes of caltech101, with two kinds of
semantics, and of the digits; T1 of the test classes was printed beside them (benchmarks/RESULTS.md says where it may
have counted). On caltech101 H is 69.0 %.
"""

from jzsl.config import Experiment
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.committee import Committee
from jzsl.methods.gated import Gated
from jzsl.problem.whitening import Whitened
from jzsl.self_training.priors.group_uniform import GroupUniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

CONFIG = Experiment(
    data=Xlsa17(),
    method=Gated(unseen=Committee()),
    tasks=(GZSL(), ZSL()),
    transform=Whitened(),
    seeds=1,
    self_training=STHS(
        rounds=10, selection=TopConfidence(), refinement=LabelPropagation(mass=GroupUniform()), average=True
    ),
)
