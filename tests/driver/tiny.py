"""A config of a run that takes a second: the tests of runs override its fields."""

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

CONFIG = Experiment(
    data=LinearGaussian(classes=8, unseen=3, samples_per_class=20, features=6, semantics=4, latents=2),
    method=Generative(
        ABP(hidden=16, latent=2, batch_size=16, langevin_steps=3),
        zsl=KNN(5),
        gzsl=Softmax(epochs=2, batch_size=64),
        per_class=30,
    ),
    tasks=(ZSL(), GZSL()),
    train=Train(max_epochs=4, min_steps=1, validation_seeds=2, checkpoint_seconds=0),
    seeds=2,
)
