"""The two decisions in every generalized prediction: the group of a sample, seen or unseen, and the class within it.

Every method decides the group, even one without a detector: by its best unseen score against its best seen one.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.metrics import roc_auc_score, roc_curve

from jzsl.metrics.accuracy import harmonic_mean, mean_per_class_accuracy

_DETECTED = 0.95


def decision_errors(
    scores: Float[np.ndarray, "n k"],
    y: Int[np.ndarray, " n"],
    candidates: Int[np.ndarray, " k"],
    is_seen: Bool[np.ndarray, " k"],
) -> dict[str, float]:
    """How well unseen classes are detected, and what H would be if one decision were always right; all in [0, 1].

    Args:
        scores: one column per candidate class.
        y: true classes; both seen and unseen ones must occur.
        candidates: the class of each column.
        is_seen: which columns are seen classes.

    Returns:
        AUROC_test: of detecting the test samples of unseen classes among all test samples.
        FPR95_test: share of the test samples of seen classes taken for unseen ones by a threshold that detects 95 %
            of these.
        H_group_known: H if each sample's group were known.
        H_seen_known: H if samples of seen classes that are taken for seen were always given the right class.
        H_unseen_known: the same of unseen classes.
    """
    from_unseen = ~np.isin(y, candidates[is_seen])
    as_seen = candidates[is_seen][scores[:, is_seen].argmax(1)]
    as_unseen = candidates[~is_seen][scores[:, ~is_seen].argmax(1)]
    gate = scores[:, ~is_seen].max(1) - scores[:, is_seen].max(1)
    taken_for_unseen = ~np.isin(candidates[scores.argmax(1)], candidates[is_seen])
    seen, unseen = np.unique(y[~from_unseen]), np.unique(y[from_unseen])

    def h(unseen_group, first, second):
        predicted = np.where(unseen_group, second, first)
        return harmonic_mean(mean_per_class_accuracy(y, predicted, seen), mean_per_class_accuracy(y, predicted, unseen))

    false, true, _ = roc_curve(from_unseen, gate)
    return {
        "AUROC_test": float(roc_auc_score(from_unseen, gate)),
        "FPR95_test": float(false[np.argmax(true >= _DETECTED)]),
        "H_group_known": h(from_unseen, as_seen, as_unseen),
        "H_seen_known": h(taken_for_unseen, np.where(from_unseen, as_seen, y), as_unseen),
        "H_unseen_known": h(taken_for_unseen, as_seen, np.where(from_unseen, y, as_unseen)),
    }
