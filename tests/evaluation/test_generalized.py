"""The stages of a generalized prediction and calibrated stacking, against loops and another library."""

import numpy as np
import pytest

from jzsl.metrics.calibration import best_offset, column_offsets
from jzsl.metrics.curve import SeenUnseenCurve, seen_unseen_curve
from jzsl.metrics.group_detection import decision_errors

CANDIDATES = np.array([4, 0, 2, 1, 3])
IS_SEEN = np.array([True, False, True, False, True])  # seen: 4, 2, 3; unseen: 0, 1


@pytest.fixture
def case(random):
    y = random.integers(0, 5, 80)
    scores = random.normal(size=(80, 5))
    scores[np.arange(80), [list(CANDIDATES).index(c) for c in y]] += 1.0
    return scores, y


def h_of(predicted, y):
    def mean(group):
        return np.mean([np.mean(predicted[y == c] == c) for c in group])

    s, u = mean([2, 3, 4]), mean([0, 1])
    return 2 * s * u / (s + u)


def test_stages_are_loops(case):
    scores, y = case
    found = decision_errors(scores, y, CANDIDATES, IS_SEEN)
    known, seen_right, unseen_right = (np.empty(80, int) for _ in range(3))
    gate = np.empty(80)
    for row in range(80):
        order = [int(CANDIDATES[c]) for c in np.argsort(-scores[row])]
        best_seen = next(c for c in order if c in (2, 3, 4))
        best_unseen = next(c for c in order if c in (0, 1))
        of_seen, takes_seen = y[row] in (2, 3, 4), order[0] in (2, 3, 4)
        known[row] = best_seen if of_seen else best_unseen
        seen_right[row] = (y[row] if of_seen else best_seen) if takes_seen else best_unseen
        unseen_right[row] = best_seen if takes_seen else (best_unseen if of_seen else y[row])
        column = {c: scores[row, list(CANDIDATES).index(c)] for c in range(5)}
        gate[row] = column[best_unseen] - column[best_seen]
    assert found["H_group_known"] == pytest.approx(h_of(known, y))
    assert found["H_seen_known"] == pytest.approx(h_of(seen_right, y))
    assert found["H_unseen_known"] == pytest.approx(h_of(unseen_right, y))
    positive, negative = gate[y < 2], gate[y >= 2]
    assert found["AUROC_test"] == pytest.approx(np.mean(positive[:, None] > negative))
    threshold = np.sort(positive)[::-1][int(np.ceil(0.95 * len(positive))) - 1]
    assert found["FPR95_test"] == pytest.approx(np.mean(negative >= threshold))
    now = CANDIDATES[scores.argmax(1)]
    assert max(h_of(known, y), h_of(seen_right, y), h_of(unseen_right, y)) > h_of(now, y)


def test_the_threshold_of_fpr95_finds_exactly_95_percent():
    """Samples of the two classes alternate: 95 of 100 unseen ones lie at 6 or above, and 94 of 100 seen ones."""
    gate = np.concatenate([np.arange(1, 101), np.arange(100) + 0.5])
    scores = np.stack([np.zeros(200), gate], 1)
    found = decision_errors(scores, np.repeat([1, 0], 100), np.array([0, 1]), np.array([True, False]))
    assert found["FPR95_test"] == pytest.approx(0.94)


@pytest.mark.parametrize(
    ("seen", "unseen", "factor"),
    [
        # Six thresholds; the mean is largest and equal on three intervals, from 1 to 7.
        ([0.8, 0.5, 0.5, 0.5, 0.4, 0.3, 0.0], [0.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], 4.0),
        # Rounding does not end it.
        ([0.8, 0.5, 0.5 - 1e-16, 0.5, 0.4, 0.3, 0.0], [0.0, 0.4, 0.4, 0.4 + 1e-16, 0.4, 0.4, 0.4], 4.0),
        # Two such intervals: the first.
        ([0.8, 0.5, 0.5, 0.4, 0.5, 0.3, 0.0], [0.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], 2.0),
        # Without a lower end, without an upper end (thresholds are 2.2 apart on average), without any.
        ([0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.0], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 2.0 - 2.2),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 9.0 + 2.2),
        ([0.0] * 7, [0.5] * 7, 0.0),
    ],
)
def test_the_best_offset_is_the_middle_of_the_whole_plateau(seen, unseen, factor):
    curve = SeenUnseenCurve(np.array([1.0, 2.0, 3.0, 7.0, 9.0, 12.0]), np.array(seen), np.array(unseen))
    assert best_offset(curve)[0] == pytest.approx(factor)


def test_the_best_offset_is_the_best_of_a_sweep(case):
    scores, y = case
    factor, h = best_offset(seen_unseen_curve(scores, y, CANDIDATES, IS_SEEN))
    sweep = [
        h_of(CANDIDATES[(scores + column_offsets(float(f), IS_SEEN)).argmax(1)], y) for f in np.linspace(-5, 5, 801)
    ]
    assert h == pytest.approx(max(sweep), abs=5e-3)
    at = h_of(CANDIDATES[(scores + column_offsets(factor, IS_SEEN)).argmax(1)], y)
    assert at == pytest.approx(h, abs=1e-9)
