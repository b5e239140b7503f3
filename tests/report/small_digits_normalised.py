"""The run of `small_digits` with class frequencies that are divided by an estimated class prior."""

import dataclasses

from jzsl.self_training.clustering.pca_kmeans import PCAKMeans
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.sths import STHS
from tests.report.small_digits import CONFIG as CFBS_RUN

CONFIG = dataclasses.replace(
    CFBS_RUN,
    self_training=STHS(rounds=2, selection=PNCFBS(hard_class_fraction=0.67, prior=ThreeC(clustering=PCAKMeans()))),
)
