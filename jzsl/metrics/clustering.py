"""How well groups of samples agree with their true classes: accuracy under the best assignment, NMI and ARI."""

import numpy as np
from jaxtyping import Int
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


def contingency(
    truth: Int[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    classes: Int[np.ndarray, " c"],
    clusters: Int[np.ndarray, " k"],
) -> Int[np.ndarray, "k c"]:
    """How many samples of each class each cluster has; samples of others do not count.

    Args:
        truth: the class of each sample.
        predicted: the cluster of each.
        classes: of the columns, sorted.
        clusters: of the rows, sorted.
    """
    counted = np.isin(truth, classes) & np.isin(predicted, clusters)
    counts = np.zeros((len(clusters), len(classes)), np.int64)
    cell = np.searchsorted(clusters, predicted[counted]), np.searchsorted(classes, truth[counted])
    np.add.at(counts, cell, 1)
    return counts


def assignment(
    truth: Int[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    classes: Int[np.ndarray, " c"],
    clusters: Int[np.ndarray, " k"],
) -> dict[int, int]:
    """The one-to-one map of clusters to classes under which most samples are right (Kuhn 1955); the arguments are those
    of `contingency`. Where their numbers differ, some clusters or some classes stay without a partner."""
    rows, columns = linear_sum_assignment(contingency(truth, predicted, classes, clusters), maximize=True)
    return {int(clusters[row]): int(classes[column]) for row, column in zip(rows, columns, strict=True)}


def clustering_accuracy(truth: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"]) -> float:
    """ACC, between 0 and 1: the share of samples that are right under the best assignment of clusters to classes
    (thesis, chapter 6, equation 6); samples of a cluster without a class are wrong."""
    partner = assignment(truth, predicted, np.unique(truth), np.unique(predicted))
    return float(np.mean(translated(predicted, partner) == truth))


def translated(predicted: Int[np.ndarray, " n"], partner: dict[int, int]) -> Int[np.ndarray, " n"]:
    """The predictions with each cluster replaced by its class, -1 where it has none."""
    return np.array([partner.get(int(cluster), -1) for cluster in predicted], np.int64)


def joint_accuracies(
    truth: Int[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    old: Int[np.ndarray, " o"],
    clusters: Int[np.ndarray, " k"],
) -> dict[str, float]:
    """Accuracies in percent of samples of old and of new classes, predicted among old classes and clusters.

    `ACC_old`, `ACC_new` and `ACC_all` share one assignment: each old class stands for itself, and clusters are assigned
    to the new classes. A sample of a new class that is predicted as an old one is wrong, and so is one of an old class
    that is predicted as a cluster. The `legacy` numbers are those of thesis, chapter 6, section 3.4: old samples, new
    ones and all have an assignment each, in which an old class may stand for another one.

    Args:
        truth: the class of each sample; some are old ones, some are not.
        predicted: one of `old` or `clusters` for each.
        old: classes with labelled samples.
        clusters: sorted.
    """
    is_old = np.isin(truth, old)
    partner = assignment(truth, predicted, np.setdiff1d(truth, old), clusters) | {int(name): int(name) for name in old}
    right = translated(predicted, partner) == truth
    groups = {"old": is_old, "new": ~is_old, "all": np.ones(len(truth), bool)}
    joint = {f"ACC_{name}": 100 * float(right[group].mean()) for name, group in groups.items()}
    legacy = {
        f"ACC_{name}_legacy": 100 * clustering_accuracy(truth[group], predicted[group])
        for name, group in groups.items()
    }
    return joint | legacy


def agreement(truth: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"]) -> dict[str, float]:
    """ACC, the normalised mutual information NMI (by the mean of the entropies) and the adjusted Rand index ARI, in
    percent."""
    return {
        "ACC": 100 * clustering_accuracy(truth, predicted),
        "NMI": 100 * float(normalized_mutual_info_score(truth, predicted)),
        "ARI": 100 * float(adjusted_rand_score(truth, predicted)),
    }
