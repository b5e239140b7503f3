"""Which groups of a partition may have the wrong names, judged without test labels.

Self-training divides unlabelled samples into groups and names each after a class. Compact groups that agree with their
neighbours can still carry each other's names. The regressions of EXEM and of its reverse, trained on seen classes
alone, say how well the class semantics support each name: their samples have not voted on it. The regressions are those
of `jzsl.methods.committee.Committee`, here in NumPy, for they take milliseconds and would take longer to compile.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num
from scipy.spatial.distance import cdist, pdist

from jzsl.methods.class_means import class_means
from jzsl.types import ClassTable, Pool

DOUBTFUL = 0.75
"""The suspicion from which on a name is called doubtful."""
LEAST_PAIR_ACCURACY = 0.75
"""The share of pairs of seen classes with the right names below which names cannot be judged."""
_RIDGE, _SEMANTIC_WIDTH, _FEATURE_WIDTH, _SHARPNESS = 0.3, 0.5, 1.0, 1.5
_PAIRS = 100
_FEWEST_SEEN = 4


class Names(NamedTuple):
    """How far the class semantics support the names of groups.

    Attributes:
        classes: the class that each group is named after; those without samples are left out.
        samples: of each group.
        suspicion: cross-entropy of a group's name under the regressions, averaged over its samples, as a share of
            that of chance: 0 where the name is certain, 1 where chance would do as well; at least 0.
        pair_accuracy: share of pairs of seen classes, both left out of the regressions, whose names these then assign
            rightly; 0.5 is chance, NaN where fewer than four classes have samples. It says whether suspicion means
            anything on these data.
    """

    classes: Int[np.ndarray, " g"]
    samples: Int[np.ndarray, " g"]
    suspicion: Float[np.ndarray, " g"]
    pair_accuracy: float

    @property
    def judged(self) -> bool:
        """Whether the regressions recognise classes that they were not trained on."""
        return self.pair_accuracy >= LEAST_PAIR_ACCURACY

    @property
    def doubtful(self) -> Int[np.ndarray, " f"]:
        """The classes whose names are doubtful, the most doubtful first; none where names cannot be judged."""
        order = np.argsort(-self.suspicion, kind="stable")
        return self.classes[order[self.suspicion[order] >= DOUBTFUL]] if self.judged else self.classes[:0]


def judge_names(
    pool: Pool,
    classes: ClassTable,
    unseen: Int[np.ndarray, " u"],
    x: Num[np.ndarray, "m d"],
    label: Int[np.ndarray, " m"],
) -> Names:
    """Judges the groups into which any method has divided unlabelled samples.

    Args:
        pool: whose labelled samples are those of seen classes.
        classes: the class table, with semantics.
        unseen: the possible names, at least two.
        x: the unlabelled samples, transformed as the pool's are.
        label: the class that each is predicted as; samples predicted as other than `unseen` belong to no group.
    """
    mean, present = (np.asarray(part) for part in class_means(pool, classes))
    semantics, unseen, member = np.asarray(classes.required_semantics), np.sort(unseen), np.isin(label, unseen)
    if not member.any():
        pair_accuracy = pair_naming_accuracy(mean[present], semantics[present])
        return Names(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), pair_accuracy)
    named, column, count = np.unique(label[member], return_inverse=True, return_counts=True)
    support = inductive_support(mean[present], semantics[present], x[member], semantics[unseen])
    of_name = support[np.arange(len(column)), np.searchsorted(unseen, named)[column]]
    suspicion = np.bincount(column, -of_name, len(named)) / count / np.log(len(unseen))
    return Names(named, count, suspicion, pair_naming_accuracy(mean[present], semantics[present]))


def inductive_support(
    means: Float[np.ndarray, "c d"],
    semantics: Float[np.ndarray, "c a"],
    x: Num[np.ndarray, "m d"],
    names: Float[np.ndarray, "u a"],
) -> Float[np.ndarray, "m u"]:
    """Log-probability of each name for each sample.

    Args:
        means: of the classes that the regressions learn.
        semantics: of these classes.
        x: the samples.
        names: semantics of the names.
    """
    forward, backward = regression_scores(means, semantics, x, names)
    scores = _SHARPNESS * (forward / _spread(forward) + backward / _spread(backward)) / 2
    scores = scores - scores.max(1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def exchange_gains(
    means: Float[np.ndarray, "c d"], semantics: Float[np.ndarray, "c a"], pairs: Int[np.ndarray, "p 2"]
) -> Float[np.ndarray, " p"]:
    """What exchanging the names of two classes would gain, by regressions that both are left out of.

    With S the 2 by 2 scores of the two means: S_01 + S_10 - S_00 - S_11, positive where the names look exchanged.

    Args:
        means: of the classes.
        semantics: of their names.
        pairs: of rows.
    """
    means, semantics = (_rotated(rows) for rows in (means, semantics))
    gains = []
    for pair in pairs:
        rest = np.delete(np.arange(len(means)), pair)
        forward, backward = regression_scores(means[rest], semantics[rest], means[[*pair, *rest]], semantics[pair])
        score = _SHARPNESS * (forward[:2] / _spread(forward[2:]) + backward[:2] / _spread(backward[2:])) / 2
        gains.append(score[0, 1] + score[1, 0] - score[0, 0] - score[1, 1])
    return np.array(gains)


def _rotated(rows: Float[np.ndarray, "c p"]) -> Float[np.ndarray, "c q"]:
    """The same lengths, angles and distances in as few dimensions as there are rows."""
    triangular: Any = np.linalg.qr(rows.T.astype(np.float64), mode="r")
    return triangular.T


def pair_naming_accuracy(means: Float[np.ndarray, "c d"], semantics: Float[np.ndarray, "c a"]) -> float:
    """`Names.pair_accuracy`, over all pairs of classes or, of many, over a fixed random choice."""
    if len(means) < _FEWEST_SEEN:
        return float("nan")
    pairs = np.array(list(itertools.combinations(range(len(means)), 2)))
    if len(pairs) > _PAIRS:
        pairs = pairs[np.random.default_rng(0).choice(len(pairs), _PAIRS, replace=False)]
    return float(np.mean(exchange_gains(means, semantics, pairs) < 0))


def regression_scores(
    means: Float[np.ndarray, "c d"],
    semantics: Float[np.ndarray, "c a"],
    x: Num[np.ndarray, "m d"],
    names: Float[np.ndarray, "u a"],
) -> tuple[Float[np.ndarray, "m u"], Float[np.ndarray, "m u"]]:
    """Cosines of samples with predicted exemplars (EXEM), and of predicted semantics with names (its reverse); the
    arguments are those of `inductive_support`."""
    means = means.astype(np.float64)
    origin, semantics, names = means.mean(0), _unit(semantics), _unit(names)
    exemplar = _regressed(semantics, means, names, _SEMANTIC_WIDTH) - origin
    z, middle = _unit(x - origin), semantics.mean(0)
    predicted = _regressed(_unit(means - origin), semantics, z, _FEATURE_WIDTH)
    return z @ _unit(exemplar).T, _unit(predicted - middle) @ _unit(names - middle).T


def _regressed(
    inputs: Float[np.ndarray, "c p"], targets: Float[np.ndarray, "c q"], at: Float[np.ndarray, "m p"], width: float
) -> Float[np.ndarray, "m q"]:
    """Kernel ridge regression; `width` is that of an RBF kernel in median distances."""
    middle, distances = targets.mean(0), pdist(inputs)
    median = np.median(distances) if distances.any() else 1.0
    scale = 2 * (width * (median or 1.0)) ** 2
    kernel, across = (np.exp(-cdist(points, inputs, "sqeuclidean") / scale) for points in (inputs, at))
    return middle + across @ np.linalg.solve(kernel + _RIDGE * np.eye(len(inputs)), targets - middle)


def _unit(rows: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n p"]:
    rows = rows.astype(np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _spread(scores: Float[np.ndarray, "m u"]) -> float:
    """The standard deviation, 1 where there is none."""
    return float(scores.std()) or 1.0
