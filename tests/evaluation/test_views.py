"""Views cannot reach test labels; transforms are fitted on what a view may see."""

import dataclasses
import gc

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler

from jzsl.evaluation.views import inductive, strict_transductive, transductive, view_of
from jzsl.problem.transforms import MinMax, Unscaled
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

VIEWS = [inductive, transductive, strict_transductive]


def leaves(view):
    return [
        array for array in (*view.pool, *view.classes, view.seen, view.unseen, *view.transform) if array is not None
    ]


@pytest.mark.parametrize("make", VIEWS)
def test_no_view_depends_on_test_labels(problem, make):
    """Shuffling the labels within the unseen rows, and within the test-seen rows, changes no bit of a view."""
    labels, random = problem.labels.copy(), np.random.default_rng(1)
    for rows in (problem.splits.test_unseen, problem.splits.test_seen):
        labels[rows] = random.permutation(labels[rows])
    assert (labels != problem.labels).sum() > 20
    shuffled = make(dataclasses.replace(problem, labels=labels))
    for one, two in zip(leaves(make(problem)), leaves(shuffled), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("make", VIEWS)
def test_no_view_holds_a_reference_to_the_labels(problem, make):
    """Nothing reachable from a view is the problem, its label array, or a buffer shared with it."""
    view = make(problem)
    reached, queue = set(), [view]
    while queue:
        item = queue.pop()
        if id(item) in reached or isinstance(item, type):
            continue
        reached.add(id(item))
        assert item is not problem
        if isinstance(item, np.ndarray):
            assert not np.shares_memory(item, problem.labels)
        if isinstance(item, tuple | list | dict | np.ndarray):
            queue += gc.get_referents(item)
            if isinstance(item, np.ndarray) and item.base is not None:
                queue.append(item.base)


def test_samples_and_settings(problem):
    one, two, three = (make(problem) for make in VIEWS)
    train, seen, unseen = (len(rows) for rows in problem.splits[:3])
    assert (one.labelled, one.unlabelled) == (train, 0)
    assert (two.labelled, two.unlabelled) == (train, unseen)
    assert (three.labelled, three.unlabelled) == (train, seen + unseen)
    assert len({view.setting for view in (one, two, three)}) == 3
    for view in (one, two, three):
        np.testing.assert_array_equal(view.pool.y[: view.labelled], problem.labels[problem.splits.train])
        np.testing.assert_array_equal(view.pool.y[view.labelled :], -1)
        # An unlabelled sample is there to be learned from; only padding is absent.
        np.testing.assert_array_equal(view.pool.w, np.arange(len(view.pool.w)) < view.labelled + view.unlabelled)
        np.testing.assert_array_equal(view.classes.seen, np.isin(np.arange(8), view.seen))


def test_unlabelled_rows_are_in_no_order_of_class(problem):
    for rows in (ZSL().queries(problem), GZSL().queries(problem)):
        labels = problem.labels[rows]
        assert (np.diff(labels) != 0).sum() > len(labels) / 3


def test_capacity_pads_with_absent_rows(problem):
    view = view_of(problem, capacity=200)
    assert len(view.pool.x) == 200
    assert view.pool.w.sum() == view.labelled
    with pytest.raises(ValueError, match="capacity"):
        view_of(problem, capacity=3)


def test_transform_is_fitted_on_the_views_own_rows(problem):
    train = problem.samples[problem.splits.train]
    view = inductive(problem)
    np.testing.assert_allclose(view.pool.x, MinMaxScaler().fit_transform(train), atol=1e-6)
    everything = problem.samples[np.concatenate([problem.splits.train, problem.splits.test_unseen])]
    other = transductive(problem)
    np.testing.assert_allclose(other.transform.low, everything.min(0), rtol=1e-6)
    plain = inductive(problem, Unscaled())
    np.testing.assert_array_equal(plain.pool.x, train)


def test_transform_ignores_what_is_not_observed():
    x = np.array([[1.0, 5.0, 7.0], [3.0, 99.0, 7.0], [2.0, 9.0, 7.0]], np.float32)
    observed = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0]], bool)
    transform = MinMax().fit(x, observed)
    expected = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 1.0, 0.0]]
    np.testing.assert_allclose(transform(x, observed), expected)
    constant = MinMax().fit(np.full((3, 1), 4.0, np.float32))
    np.testing.assert_array_equal(constant(np.full((2, 1), 4.0, np.float32)), 0)
