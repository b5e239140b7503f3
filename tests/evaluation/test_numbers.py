"""Accuracies and the seen-unseen curve against brute force; the protocol object."""

import dataclasses

import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive
from jzsl.metrics.accuracy import harmonic_mean, mean_per_class_accuracy, per_class_accuracy
from jzsl.metrics.curve import seen_unseen_curve
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL


def brute_per_class(y, predicted, classes):
    return np.array([np.mean([p == c for t, p in zip(y, predicted, strict=True) if t == c]) for c in classes])


def test_per_class_accuracy_is_not_per_row():
    y = np.array([0, 0, 0, 0, 1])
    predicted = np.array([0, 0, 0, 0, 0])
    assert mean_per_class_accuracy(y, predicted, np.array([0, 1])) == 0.5


def test_per_class_accuracy_against_a_loop(random):
    y, predicted = np.concatenate([np.arange(7), random.integers(0, 7, 90)]), random.integers(0, 9, 97)
    classes = np.arange(7)
    np.testing.assert_allclose(per_class_accuracy(y, predicted, classes), brute_per_class(y, predicted, classes))


@pytest.mark.parametrize(("s", "u", "h"), [(0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.6, 0.3, 0.4)])
def test_harmonic_mean(s, u, h):
    assert harmonic_mean(s, u) == pytest.approx(h)


@pytest.fixture
def case(random):
    """Scores of 80 rows for 3 seen and 4 unseen classes in shuffled columns, with exact ties between thresholds."""
    candidates = np.array([5, 0, 3, 6, 1, 2, 4])
    is_seen = candidates < 3
    y = np.concatenate([np.arange(7), random.integers(0, 7, 73)])
    scores = np.round(8 * random.normal(size=(80, 7)) + 6 * (y[:, None] == candidates)) / 8
    # Exact in binary, so that thresholds tie exactly; no tie within a row, where the order of classes would decide.
    scores += np.argsort(np.argsort(candidates)) / 1024 * (1 - 2 * is_seen)
    return scores, y, candidates, is_seen


def brute_point(scores, y, candidates, is_seen, bonus):
    predicted = candidates[(scores + bonus * ~is_seen).argmax(1)]
    return brute_per_class(y, predicted, range(3)).mean(), brute_per_class(y, predicted, range(3, 7)).mean()


def test_curve_is_the_brute_force_sweep(case):
    scores, y, candidates, is_seen = case
    curve = seen_unseen_curve(scores, y, candidates, is_seen)
    ends = np.concatenate([[curve.offset[0] - 1], curve.offset, [curve.offset[-1] + 1]])
    swept = np.array([brute_point(scores, y, candidates, is_seen, bonus) for bonus in (ends[:-1] + ends[1:]) / 2])
    np.testing.assert_allclose(np.stack([curve.seen, curve.unseen], 1), swept, atol=1e-12)
    area = sum((swept[i, 1] - swept[i - 1, 1]) * (swept[i, 0] + swept[i - 1, 0]) / 2 for i in range(1, len(swept)))
    assert curve.area == pytest.approx(area)
    assert (curve.seen[-1], curve.unseen[0]) == (pytest.approx(0, abs=1e-12), 0)


def test_curve_does_not_care_how_classes_are_called_or_ordered(case, random):
    _, y, candidates, is_seen = case
    scores = random.normal(size=(80, 7)) + 0.8 * (y[:, None] == candidates)
    order = random.permutation(7)
    renamed = random.permutation(7)
    area = seen_unseen_curve(scores[:, order], renamed[y], renamed[candidates[order]], is_seen[order]).area
    assert area == pytest.approx(seen_unseen_curve(scores, y, candidates, is_seen).area)


def test_area_of_a_perfect_and_of_a_useless_classifier():
    y, candidates = np.arange(4), np.arange(4)
    is_seen = candidates < 2
    perfect = seen_unseen_curve(10.0 * np.eye(4), y, candidates, is_seen)
    assert perfect.area == pytest.approx(1)
    # Chance within each group: one of two classes right.
    useless = seen_unseen_curve(np.tile([1.0, 0.0, 1.0, 0.0], (4, 1)), y, candidates, is_seen)
    assert useless.area == pytest.approx(0.5 * 0.5 / 2)


def test_protocol_scores_what_it_hands_out(problem, random):
    protocol = Protocol(problem, inductive(problem))
    for task in (ZSL(), GZSL(), Adaptation()):
        queries, samples = protocol.queries(task), protocol.samples(task)
        scores = random.normal(size=(len(samples), len(queries.candidates)))
        numbers = protocol.score(task, scores)
        # Brute force: find each query's row by its features, and hence its label.
        scaled = inductive(problem).transform(problem.samples)
        rows = [int(np.flatnonzero((scaled == x).all(1))[0]) for x in samples]
        y = problem.labels[rows]
        predicted = queries.candidates[scores.argmax(1)]
        if task != GZSL():
            group = problem.unseen_classes if task == ZSL() else problem.seen_classes
            mean = 100 * brute_per_class(y, predicted, group).mean()
            assert numbers == {task.headline: pytest.approx(mean)}
            continue
        unseen = 100 * brute_per_class(y, predicted, problem.unseen_classes).mean()
        seen = 100 * brute_per_class(y, predicted, problem.seen_classes).mean()
        assert numbers["U"] == pytest.approx(unseen)
        assert numbers["S"] == pytest.approx(seen)
        assert numbers["H"] == pytest.approx(2 * unseen * seen / (unseen + seen))
        assert 0 < numbers["AUSUC"] < 100


def test_a_perfect_prediction_scores_100(problem):
    protocol = Protocol(problem, inductive(problem))
    scaled = inductive(problem).transform(problem.samples)
    for task in (ZSL(), GZSL(), Adaptation()):
        queries, samples = protocol.queries(task), protocol.samples(task)
        y = [problem.labels[np.flatnonzero((scaled == x).all(1))[0]] for x in samples]
        scores = (np.array(y)[:, None] == queries.candidates).astype(float)
        numbers = protocol.score(task, scores)
        assert numbers.pop("FPR95_test", 0) == 0
        assert list(numbers.values()) == pytest.approx([100] * len(numbers))


def test_without_test_seen_rows_there_is_no_generalized_task(problem):
    poor = dataclasses.replace(problem, splits=problem.splits._replace(test_seen=np.zeros(0, int)))
    protocol = Protocol(poor, inductive(poor))
    assert len(protocol.samples(ZSL()))
    with pytest.raises(InputError, match="test_seen"):
        protocol.queries(GZSL())
