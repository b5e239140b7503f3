"""The recommended self-training on any folder of the xlsa17 layout; the unseen samples are a separate unlabelled pool.

jzsl run configs/xlsa17_transductive_gzsl.py --data.root DIR --data.features res101
"""

from jzsl.config import Experiment, Train
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
    train=Train(epochs=1),
    seeds=1,
    self_training=STHS(
        rounds=10, selection=TopConfidence(), refinement=LabelPropagation(mass=GroupUniform()), average=True
    ),
)
