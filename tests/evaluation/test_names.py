"""Judging the names of groups: names exchanged on purpose, and the regressions against those of the committee."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.evaluation.names import Names, exchange_gains, inductive_support, judge_names, pair_naming_accuracy
from jzsl.methods.class_means import class_means
from jzsl.methods.committee import Committee
from jzsl.tasks.zsl import ZSL
from jzsl.types import UNLABELLED, ClassTable, Pool

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
    assert right.pair_accuracy > 0.9
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
    assert names.pair_accuracy < 0.65


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
    assert np.isnan(names.pair_accuracy)
    assert not names.judged


def test_doubtful_names_come_worst_first():
    names = Names(np.array([3, 5, 8]), np.array([9, 9, 9]), np.array([0.8, 0.1, 1.2]), 0.9)
    assert names.doubtful.tolist() == [8, 3]
    assert names._replace(pair_accuracy=0.6).doubtful.tolist() == []


def test_exchange_gain_is_that_of_the_committee_trained_without_the_pair():
    pair = (17, 30)
    pool, classes, _, _ = world()
    means = class_means(pool, classes)
    rest = Pool(means.mean, np.arange(52), np.asarray(means.present & ~np.isin(np.arange(52), pair), np.int32))
    table = classes._replace(seen=rest.w > 0)
    method = Committee().build(ZSL())
    state, _ = method.fit(method.init(jax.random.key(0), rest, table), rest, table, 1, 1)
    columns = jnp.array(pair)
    score = method.logits(method.predictor(state, rest, table, columns), means.mean[columns], columns)
    expected = score[0, 1] + score[1, 0] - score[0, 0] - score[1, 1]
    gain = exchange_gains(np.asarray(means.mean)[:SEEN], classes.semantics[:SEEN], np.array([pair]))
    np.testing.assert_allclose(gain, [expected], rtol=2e-3)


def test_support_is_the_softmax_of_the_inductive_committee():
    pool, classes, x, _ = world()
    means = class_means(pool, classes)
    method = Committee().build(ZSL())
    state, _ = method.fit(method.init(jax.random.key(0), pool, classes), pool, classes, 1, 1)
    unlabelled = Pool(x, np.full(len(x), UNLABELLED), np.ones(len(x), np.int32))
    predictor = method.predictor(state, unlabelled, classes, jnp.asarray(UNSEEN))
    expected = jax.nn.log_softmax(method.logits(predictor, jnp.asarray(x), jnp.asarray(UNSEEN)))
    support = inductive_support(np.asarray(means.mean)[:SEEN], classes.semantics[:SEEN], x, classes.semantics[SEEN:])
    np.testing.assert_allclose(support, expected, atol=2e-3)


def test_all_pairs_are_tried_where_they_are_few():
    pool, classes, _, _ = world()
    means, semantics = np.asarray(class_means(pool, classes).mean)[:6], classes.semantics[:6]
    pairs = np.array([(a, b) for a in range(6) for b in range(a)])
    assert pair_naming_accuracy(means, semantics) == pytest.approx(np.mean(exchange_gains(means, semantics, pairs) < 0))
