"""Which method discovers the new classes best? (low-supervision thesis, chapter 6, table 2, and three more)

AutoNovel of a config beside k-means on the features of the last stage, KCL, MCL and DTC, as in the table; and beside
k-means on samples, UNO and LSD-C. All come after the config's stages; without any, what nothing has trained yet learns,
too. Network, views, optimizer, size of minibatches and the blocks that learn are the config's, everything else each
method's own, such as the similarity that KCL and MCL learn from labelled pairs; but LSD-C takes the config's similarity
and MixUp, which serves images and vectors.

Columns: base, method, ACC_new_pool (%, mean over seeds), std, values (one per seed), NMI_new_pool, vs AutoNovel
(difference in points to it) and its p.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jzsl.config import Stage
from jzsl.methods.autonovel import AutoNovel
from jzsl.methods.dtc import DTC
from jzsl.methods.k_means import KMeans
from jzsl.methods.learning_to_cluster import LearningToCluster
from jzsl.methods.lsd_c import LSDC
from jzsl.methods.uno import UNO
from jzsl.report.figures import horizontal_bars
from jzsl.studies.clusters import (
    LAST,
    ON_POOL,
    Trials,
    Variant,
    discovery_rows,
    listed,
    only,
    shown_columns,
    whole,
    with_new_classes,
)
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, compare
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.mixup import MixUp
from jzsl.training.pair_losses.binary_cross_entropy import BinaryCrossEntropy
from jzsl.training.pair_losses.kcl import KCL

AUTONOVEL, SAMPLES = "AutoNovel", "k-means on samples"
_SHARED = ("network", "augment", "optimizer", "learned", "others", "batch_size")


def rivals(base: AutoNovel, stages: tuple[Stage, ...]) -> dict[str, Variant]:
    """The methods by name, each after the stages if it can take their variables over."""
    base = base if stages else whole(base)
    shared: dict[str, Any] = {name: getattr(base, name) for name in _SHARED}
    kcl = LearningToCluster(**shared, augment_first=base.augment_first, pair_loss=KCL())
    lsd_c = LSDC(**shared, augment_first=base.augment_first, similarity=base.similarity, mix=MixUp())
    named: dict[str, Variant] = {SAMPLES: Variant(KMeans(), ())}
    named |= {f"k-means on features of {stages[-1].name}": Variant(KMeans(base.network), stages)} if stages else {}
    return named | {
        "KCL": Variant(kcl, stages),
        "MCL": Variant(replace(kcl, pair_loss=BinaryCrossEntropy()), stages),
        "DTC": Variant(DTC(**shared), stages),
        "UNO": Variant(UNO(**shared), stages),
        "LSD-C": Variant(lsd_c, stages),
        AUTONOVEL: Variant(base, stages),
    }


def discovery_rivals(setup: StudySetup) -> StudyResult:
    """ACC_new_pool of each method."""
    setup = with_new_classes(setup)
    trials = Trials(setup, Discovery())
    metrics = {}
    for name, base in only(setup, AutoNovel).items():
        for rival, variant in rivals(base, setup.stages).items():
            setup.progress(f"{name}: {rival}")
            metrics[name, rival] = trials.metrics(variant)
    return _result(setup, metrics)


def _result(setup: StudySetup, metrics: dict[tuple[str, str], list[dict[str, float]]]) -> StudyResult:
    acc: dict[tuple[str, str], Seeds] = {
        key: [of_seed["ACC_new_pool"] for of_seed in of_seeds] for key, of_seeds in metrics.items()
    }
    differences = compare({key: (values, acc[key[0], AUTONOVEL]) for key, values in acc.items() if key[1] != AUTONOVEL})
    words = []
    for name in setup.bases:
        means = {rival: float(np.mean(values)) for (of, rival), values in acc.items() if of == name}
        others = {rival: mean for rival, mean in means.items() if rival != AUTONOVEL}
        best = max(others, key=others.__getitem__)
        words.append(
            f"{name}: mean ACC_new_pool {means[AUTONOVEL]:.1f} by AutoNovel, {others[best]:.1f} by {best}, the best of "
            f"the others ({differences[name, best]}), {means[SAMPLES]:.1f} by {SAMPLES}"
        )
    rows = discovery_rows(metrics, differences, "method", AUTONOVEL)
    return StudyResult(
        f"{'; '.join(words)}.",
        rows,
        lambda figure: horizontal_bars(figure, acc, "ACC_new_pool (%)"),
        (
            f"{setup.epochs} epochs after {listed(setup.stages)}; {LAST}; {ON_POOL}",
            f"KCL and MCL learn labelled pairs first, for {LearningToCluster.similarity_epochs} epochs; "
            "LSD-C takes the config's similarity, and MixUp",
        ),
        shown_columns(rows, len(setup.bases)),
    )


STUDY = Study(
    "Which method discovers the new classes best? (Han et al., 2020, table 2, and three more)",
    discovery_rivals,
    ("autonovel",),
    150,
    "digits_images",
    stages=True,
)
