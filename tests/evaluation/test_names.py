"""Judging the names of groups: names exchanged on purpose, and a second computation of the exchange in NumPy."""

from typing import NamedTuple

import numpy as np
import pytest

from jzsl.evaluation.names import Names, exchange_gains, judge_names, pairs_told_apart, pool_of_means
from jzsl.types import ClassTable, Pool

SEEN, UNSEEN = 40, np.arange(40, 52)


class _World(NamedTuple):
    pool: Pool
    classes: ClassTable
    x: np.ndarray
    label: np.ndarray


def world(informative: bool = True) -> _World:
    """Class means that are a smooth function of the semantics, or that have nothing to do with them."""
    rng = np.random.default_rng(0)
    semantics = rng.normal(size=(52, 6)).astype(np.float32)
    direction = semantics / np.linalg.norm(semantics, axis=1, keepdims=True)
    means = direction @ rng.normal(size=(6, 20)) if informative else rng.normal(size=(52, 20))
    y = np.repeat(np.arange(52), 12)
    x = (means[y] + 0.2 * rng.normal(size=(len(y), 20))).astype(np.float32)
    seen = y < SEEN
    pool = Pool(x[seen], y[seen].astype(np.int32), np.ones(seen.sum(), np.int32))
    return _World(pool, ClassTable(semantics, np.arange(52) < SEEN), x[~seen], y[~seen])


def exchanged(label: np.ndarray, first: int, second: int) -> np.ndarray:
    return np.select([label == first, label == second], [second, first], label)


def test_exchanged_names_are_the_doubtful_ones():
    pool, classes, x, label = world()
    right = judge_names(pool, classes, UNSEEN, x, label)
    assert right.told_apart > 0.9
    assert len(right.doubtful) == 0
    swapped = judge_names(pool, classes, UNSEEN, x, exchanged(label, 41, 47))
    assert set(swapped.doubtful) == {41, 47}
    others = ~np.isin(swapped.classes, [41, 47])
    np.testing.assert_allclose(swapped.suspicion[others], right.suspicion[others], rtol=1e-5)


def test_suspicion_of_chance_is_one():
    pool, classes, x, _ = world()
    rng = np.random.default_rng(1)
    none = judge_names(pool, classes._replace(semantics=np.ones((52, 6), np.float32)), UNSEEN, x,
                       rng.choice(UNSEEN, len(x)))  # fmt: skip
    np.testing.assert_allclose(none.suspicion, 1, rtol=1e-4)


def test_semantics_that_say_nothing_judge_nothing():
    pool, classes, x, label = world(informative=False)
    names = judge_names(pool, classes, UNSEEN, x, exchanged(label, 41, 47))
    assert not names.judged
    assert len(names.doubtful) == 0
    assert names.told_apart < 0.65


def test_groups_without_samples_and_samples_of_other_classes_are_left_out():
    pool, classes, x, label = world()
    label = np.where(label == 42, 3, label)
    names = judge_names(pool, classes, UNSEEN[::-1], x, label)
    assert names.classes.tolist() == [name for name in UNSEEN if name != 42]
    assert names.samples.tolist() == [12] * 11
    assert (names.suspicion < 0.75).all()


def test_no_group_at_all_is_no_error():
    """As in a strict run whose samples are all predicted as seen classes."""
    pool, classes, x, label = world()
    names = judge_names(pool, classes, UNSEEN, x, np.zeros_like(label))
    assert not len(names.classes)
    assert not len(names.doubtful)


def test_few_seen_classes_judge_nothing():
    pool, classes, x, label = world()
    pool = pool._replace(w=(pool.y < 3).astype(np.int32))
    names = judge_names(pool, classes, UNSEEN, x, label)
    assert np.isnan(names.told_apart)
    assert not names.judged


def test_doubtful_names_come_worst_first():
    names = Names(np.array([3, 5, 8]), np.array([9, 9, 9]), np.array([0.8, 0.1, 1.2]), 0.9)
    assert names.doubtful.tolist() == [8, 3]
    assert names._replace(told_apart=0.6).doubtful.tolist() == []


@pytest.mark.parametrize("pair", [(2, 9), (17, 30)])
def test_exchange_gain_against_numpy(pair):
    pool, classes, _, _ = world()
    x, y = np.asarray(pool.x, np.float64), np.asarray(pool.y)
    means = np.stack([x[y == c].mean(0) for c in range(SEEN)])
    s = classes.semantics / np.linalg.norm(classes.semantics, axis=1, keepdims=True)
    rest = np.setdiff1d(np.arange(SEEN), pair)

    def unit(v):
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    def ridge(a, b, targets, width):
        median = np.median([np.linalg.norm(p - q) for i, p in enumerate(a) for q in a[:i]])
        k = [np.exp(-((v[:, None] - a[None]) ** 2).sum(-1) / (2 * (width * median) ** 2)) for v in (a, b)]
        middle = targets.mean(0)
        return middle + k[1] @ np.linalg.solve(k[0] + 0.3 * np.eye(len(a)), targets - middle)

    origin = means[rest].mean(0)
    exemplar = ridge(s[rest], s[list(pair)], means[rest], 0.5) - origin
    direction, middle = unit(means - origin), s[rest].mean(0)
    forward = unit(means - origin) @ unit(exemplar).T
    semantics = ridge(direction[rest], direction, s[rest], 1.0)
    backward = unit(semantics - middle) @ unit(s[list(pair)] - middle).T
    score = 1.5 * (forward / forward[rest].std() + backward / backward[rest].std()) / 2
    score = score[list(pair)]
    expected = score[0, 1] + score[1, 0] - score[0, 0] - score[1, 1]
    gain = exchange_gains(pool_of_means(pool, classes), classes, np.array([pair]))
    np.testing.assert_allclose(gain, [expected], rtol=2e-3)


def test_all_pairs_are_tried_where_they_are_few():
    pool, classes, _, _ = world()
    pool = pool._replace(w=(pool.y < 6).astype(np.int32))
    means = pool_of_means(pool, classes)
    pairs = np.array([(a, b) for a in range(6) for b in range(a)])
    assert pairs_told_apart(means, classes) == pytest.approx(np.mean(exchange_gains(means, classes, pairs) < 0))
