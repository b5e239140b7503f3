"""A transductive run on digits that takes seconds."""

from jzsl.config import Experiment, Train
from jzsl.data.digits import Digits
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS

CONFIG = Experiment(
    data=Digits(),
    method=Generative(ABP(hidden=256, langevin_steps=5), per_class=50, zsl_noise=False),
    transform=Unscaled(),
    train=Train(epochs=1),
    seeds=2,
    self_training=STHS(rounds=2, selection=CFBS(0.67)),
)
