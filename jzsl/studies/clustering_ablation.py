"""Which parts of LSD-C does clustering need? (low-supervision thesis, chapter 7, tables 4 and 6)

One part of the config's method is changed at a time: which samples of a minibatch are connected, whether features or
predictions are compared, how samples are composed, the consistency of views, the head. Similarities with a threshold
connect the closest pairs instead, in the share that each sample's nearest neighbours are of the others of a minibatch:
the paper tuned its thresholds to the features of its networks. Beside them k-means, on the features of the config's
stages, or on the samples where it has none.

Columns: base, part, variant, ACC_pool (%, mean over seeds), std, values (one per seed), NMI_pool, vs config (difference
in points to the config's method) and its p.
"""

from dataclasses import replace

import numpy as np

from jzsl.interfaces import MethodConfig
from jzsl.methods.k_means import KMeans
from jzsl.methods.lsd_c import LSDC
from jzsl.report.figures import horizontal_bars
from jzsl.studies.clusters import (
    LAST,
    ON_POOL,
    Trials,
    Variant,
    difference_columns,
    feature_size,
    only,
    shown_columns,
    without_labels,
)
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, seed_columns
from jzsl.tasks.clustering import Clustering
from jzsl.training.augment.mixture import MixConfig
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.ricap import RICAP
from jzsl.training.similarities.cosine import Cosine
from jzsl.training.similarities.euclidean import Euclidean
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.similarity import SimilarityConfig
from jzsl.training.similarities.symmetric_sne import SymmetricSNE

Part = tuple[str, str]
"""A part of the method, and the variant of it."""
WHOLE: Part = ("config", "as it is")
K_MEANS: Part = ("rival", "k-means")
NO_CONSISTENCY: Part = ("loss", "without consistency")
SPACES = {"features": False, "predictions": True}
NONE = "none"


def similarities(base: LSDC, samples: int) -> dict[str, SimilarityConfig]:
    """The four similarities by their names in the paper, with about as many edges each; the config's own stays.

    Args:
        base: the config's method.
        samples: of a minibatch.
    """
    chosen = base.similarity
    neighbours = chosen if isinstance(chosen, NearestNeighbours) else NearestNeighbours(20)
    nearest = neighbours.k - 2 if neighbours.counts_itself else neighbours.k
    share = min(1.0, nearest / max(1, samples - 1))
    named: dict[str, SimilarityConfig] = {
        "L2": Euclidean(density=share),
        "cosine": Cosine(threshold=None, density=share),
        "kNN": neighbours,
        "SNE": SymmetricSNE(threshold=None, density=share),
    }
    return {name: chosen if type(chosen) is type(similarity) else similarity for name, similarity in named.items()}


def variants(base: LSDC, samples: int, shape: tuple[int, ...]) -> dict[Part, LSDC]:
    """The variants of a config's method, itself first.

    Args:
        base: the config's method.
        samples: of a minibatch.
        shape: of a sample; vectors are not composed by RICAP.
    """
    of_kind = similarities(base, samples)
    compositions: dict[str, MixConfig | None] = {"RICAP": RICAP(keep_large=True), "MixUp": MixUp(), NONE: None}
    if len(shape) != 3:
        del compositions["RICAP"]
    if base.mix is not None:
        compositions |= {type(base.mix).__name__: base.mix}
    variants = {WHOLE: base}
    for space, on_predictions in SPACES.items():
        for name, similarity in of_kind.items():
            variants[space, name] = replace(base, similarity=similarity, on_predictions=on_predictions)
    for name, mix in compositions.items():
        variants["composition", name] = replace(base, mix=mix)
    variants[NO_CONSISTENCY] = replace(base, consistency_weight=0.0)
    variants["head", "linear"] = replace(base, hidden=None)
    variants["head", "hidden layer"] = replace(base, hidden=base.hidden or feature_size(base.network, shape))
    return variants


def clustering_ablation(setup: StudySetup) -> StudyResult:
    """ACC_pool of each variant."""
    setup = without_labels(setup)
    trials = Trials(setup, Clustering())
    metrics: dict[tuple[str, Part], list[dict[str, float]]] = {}
    configured: dict[tuple[str, Part], MethodConfig] = {}
    for name, base in only(setup, LSDC).items():
        samples = min(base.batch_size, len(setup.problem.splits.unlabelled))
        k_means = KMeans(base.network if setup.stages else None)
        methods = {**variants(base, samples, setup.problem.sample_shape), K_MEANS: k_means}
        for part, method in methods.items():
            setup.progress(f"{name}: {part[0]}, {part[1]}")
            metrics[name, part] = trials.metrics(Variant(method, setup.stages))
            configured[name, part] = method
    changed = [key for key, method in configured.items() if method != configured[key[0], WHOLE]]
    return _result(setup, metrics, changed)


def _result(
    setup: StudySetup, metrics: dict[tuple[str, Part], list[dict[str, float]]], changed: list[tuple[str, Part]]
) -> StudyResult:
    acc: dict[tuple[str, Part], Seeds] = {
        key: [of_seed["ACC_pool"] for of_seed in of_seeds] for key, of_seeds in metrics.items()
    }
    of_features, of_predictions = SPACES
    kinds = [variant for _, (part, variant) in acc if part == of_features]
    compositions = [variant for _, (part, variant) in acc if part == "composition" and variant != NONE]
    claims: dict[str, list[tuple[Part, Part]]] = {
        "features are the better place to compare samples than predictions": [
            ((of_features, kind), (of_predictions, kind)) for kind in dict.fromkeys(kinds)
        ],
        "nearest neighbours are better connected than pairs within an L2 distance": [
            ((of_features, "kNN"), (of_features, "L2"))
        ],
        "composed samples are better than single ones": [
            (("composition", mix), ("composition", NONE)) for mix in dict.fromkeys(compositions)
        ],
        "consistency helps": [(WHOLE, NO_CONSISTENCY)],
        "LSD-C is better than k-means": [(WHOLE, K_MEANS)],
    }
    pairs = {(name, part, WHOLE): (acc[name, part], acc[name, WHOLE]) for name, part in changed}
    for first, second in (pair for of_claim in claims.values() for pair in of_claim):
        pairs |= {(name, first, second): (acc[name, first], acc[name, second]) for name in setup.bases}
    differences = compare(pairs)

    def claimed(words: str, of_claim: list[tuple[Part, Part]]) -> str:
        of_bases = [differences[name, *pair] for pair in of_claim for name in setup.bases]
        return f"That {words} {claim(of_bases)} ({'; '.join(map(str, of_bases))})."

    rows = [
        {
            "base": name,
            "part": part[0],
            "variant": part[1],
            **seed_columns(of_seeds, "ACC_pool"),
            "NMI_pool": round(float(np.mean([of_seed["NMI_pool"] for of_seed in metrics[name, part]])), 2),
            **difference_columns(differences.get((name, part, WHOLE)), "vs config"),
        }
        for (name, part), of_seeds in acc.items()
    ]
    bars = {(name, f"{part}: {variant}"): of_seeds for (name, (part, variant)), of_seeds in acc.items()}
    source = f"the features of {setup.stages[-1].name}" if setup.stages else "the samples"
    return StudyResult(
        " ".join(claimed(words, of_claim) for words, of_claim in claims.items()),
        rows,
        lambda figure: horizontal_bars(figure, bars, "ACC_pool (%)"),
        (
            f"{setup.epochs} epochs; {LAST}; {ON_POOL}",
            f"{len(setup.problem.splits.unlabelled)} samples, {setup.problem.clusters} clusters; k-means on {source}",
        ),
        shown_columns(rows, len(setup.bases)),
    )


STUDY = Study(
    "Which parts of LSD-C does clustering need? (Rebuffi et al., 2020, tables 4, 6)",
    clustering_ablation,
    ("lsd_c",),
    100,
    "digits_images",
    stages=True,
)
