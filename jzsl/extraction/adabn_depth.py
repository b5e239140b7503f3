"""How many frozen blocks AdaBN normalises: as many as it can without lower accuracy of held-out training images.

Late blocks have channels that stand for classes. Statistics of a domain whose classes have other frequencies than those
that the network was trained on take away what separates its classes. Labelled training images, by statistics of their
own, show such a loss without any label of the target; they do not show how the target's class frequencies differ.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold, cross_val_score

from jzsl.nets.adabn import STATISTICS
from jzsl.nets.network import Variables

IMAGES = 1000
"""Labelled training images by which the depth is chosen, at most."""
FOLDS = 5
"""Parts of these images, each of which is held out once."""
CLASSES = IMAGES // (4 * FOLDS)
"""Classes of these images, at most: few enough that nearly all have an image for each fold."""

Features = Callable[[Variables], Float[np.ndarray, "m e"]]
"""The pooled maps of these images, by a network's variables."""


class Depth(NamedTuple):
    """A last block that AdaBN normalises ("": it normalises none), and accuracies of held-out training images, %.

    Attributes:
        block: its name.
        mean: over folds.
        error: standard error of the mean.
    """

    block: str
    mean: float
    error: float

    def __str__(self):
        return f"{self.block or 'none'} {self.mean:.1f} ± {self.error:.1f}"


def with_adabn(variables: Variables, statistics: Variables, blocks: Iterable[str]) -> Variables:
    """The variables with these statistics in these blocks; in the others the running ones stay."""
    running = variables[STATISTICS]
    return {**variables, STATISTICS: {**running, **{name: statistics[name] for name in blocks if name in running}}}


def stage_ends(blocks: tuple[str, ...]) -> tuple[str, ...]:
    """The last block of each stage; blocks of a stage have names that are equal up to "_"."""
    return tuple({name.split("_")[0]: name for name in blocks}.values())


def images_to_choose_by(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """Positions of the images by which the depth is chosen: all of them, or `IMAGES` at random.

    All are of classes with an image for each fold, of which `CLASSES` are drawn where there are more. The result is
    empty if there are fewer than two such classes.
    """
    rng = np.random.default_rng(0)
    positions = rng.permutation(len(labels))
    drawn = rng.permutation(_of_all_folds(labels))[:CLASSES]
    positions = positions[np.isin(labels[positions], drawn)][:IMAGES]
    enough = _of_all_folds(labels[positions])
    return positions[np.isin(labels[positions], enough)] if len(enough) > 1 else positions[:0]


def _of_all_folds(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " c"]:
    """The classes with an image for each fold."""
    classes, counts = np.unique(labels, return_counts=True)
    return classes[counts >= FOLDS]


def depths(
    features_of: Features,
    labels: Int[np.ndarray, " m"],
    variables: Variables,
    statistics: Variables,
    blocks: tuple[str, ...],
) -> list[Depth]:
    """The accuracies without AdaBN and with it up to the end of each stage; the first that loses ends the list.

    A classifier of the pooled maps (linear discriminant analysis with Ledoit and Wolf's shrinkage) is trained on four
    fifths of the images and tested on the last one, five times. A stage loses where its mean is below that without
    AdaBN by more than one standard error of the latter.
    """
    tried: list[Depth] = []
    for end in ("", *stage_ends(blocks)):
        used = blocks[: blocks.index(end) + 1] if end else ()
        tried.append(Depth(end, *_accuracy(features_of(with_adabn(variables, statistics, used)), labels)))
        if tried[-1].mean < tried[0].mean - tried[0].error:
            break
    return tried


def chosen(tried: list[Depth]) -> str:
    """The last block of the deepest stage before the first that loses; "" where AdaBN loses at once."""
    kept = [depth.block for depth in tried if depth.mean >= tried[0].mean - tried[0].error]
    return kept[-1]


def _accuracy(features: Any, labels: Int[np.ndarray, " m"]) -> tuple[float, float]:
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    of_folds = 100 * cross_val_score(classifier, np.asarray(features, np.float64), labels, cv=folds)
    return float(of_folds.mean()), float(of_folds.std(ddof=1) / np.sqrt(FOLDS))
