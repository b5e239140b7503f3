"""What a Problem refuses, and its validation problem."""

import dataclasses

import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.problem.problem import Problem, Provenance, Splits


def arrays():
    """Six classes of four rows; 0 to 3 seen, 3 the validation class, 4 and 5 unseen."""
    labels = np.repeat(np.arange(6), 4)
    return {
        "samples": np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32),
        "labels": labels,
        "semantics": np.eye(6),
        "class_names": tuple("abcdef"),
        "splits": Splits(
            train=np.array([0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14]),
            test_seen=np.array([3, 7, 11, 15]),
            test_unseen=np.arange(16, 24),
            validation_classes=np.array([3]),
            validation_seen=np.array([2, 6]),
        ),
        "provenance": Provenance("toy", "features", "semantics", "toy.npz"),
    }


def with_splits(**changes):
    return {"splits": arrays()["splits"]._replace(**{k: np.array(v) for k, v in changes.items()})}


def edited(name, place, value):
    array = arrays()[name].copy()
    array[place] = value
    return {name: array}


BAD = {
    "features of one axis": ({"samples": np.zeros(24, np.float32)}, ["features", "shape (24,)"]),
    "features of integers": ({"samples": np.zeros((24, 3), int)}, ["features", "int64", "floating"]),
    "no features": ({"samples": np.zeros((0, 3), np.float32)}, ["features", "(0, 3)"]),
    "NaN feature": (edited("samples", (5, 1), np.nan), ["features", "row 5", "feature 1", "nan"]),
    "infinite feature": (edited("samples", (6, 2), np.inf), ["features", "row 6", "feature 2", "inf"]),
    "too few labels": ({"labels": np.zeros(23, int)}, ["labels", "23", "24"]),
    "labels of fractions": ({"labels": np.zeros(24)}, ["labels", "float64", "integers"]),
    "label out of range": (edited("labels", 7, 6), ["labels", "row 7", "6", "0 to 5"]),
    "negative label": (edited("labels", 7, -1), ["labels", "row 7", "-1"]),
    "class without semantics": (edited("semantics", 2, 0), ["semantics", "'c'", "zeros"]),
    "semantics not finite": (edited("semantics", (2, 1), np.nan), ["semantics", "'c'", "not finite"]),
    "semantics of integers": ({"semantics": np.eye(6, dtype=int)}, ["semantics", "int64"]),
    "a class too many": ({"semantics": np.ones((7, 6)), "class_names": tuple("abcdefg")}, ["'g'", "no rows"]),
    "too few names": ({"class_names": tuple("abcde")}, ["class_names", "5", "6"]),
    "repeated name": ({"class_names": tuple("abcdea")}, ["class_names", "'a'"]),
    "observed of another shape": ({"observed": np.ones((24, 2), bool)}, ["observed", "(24, 2)", "(24, 3)"]),
    "observed of numbers": ({"observed": np.ones((24, 3))}, ["observed", "float64", "bool"]),
    "train and test-seen overlap": (with_splits(test_seen=[0, 7]), ["train", "test_seen", "1 rows"]),
    "unseen class with training rows": (
        with_splits(train=[0, 1, 4, 16], test_unseen=[17, 18, 20]),
        ["unseen class 'e'", "1 training rows"],
    ),
    "index beyond the end": (with_splits(test_seen=[24]), ["splits.test_seen", "24", "0 to 23"]),
    "negative index": (with_splits(test_seen=[-1]), ["splits.test_seen", "-1"]),
    "index of fractions": (with_splits(test_seen=[0.5]), ["splits.test_seen", "float64"]),
    "row listed twice": (with_splits(test_seen=[3, 3]), ["splits.test_seen", "more than once"]),
    "no training rows": (with_splits(train=np.zeros(0, int)), ["splits.train", "no rows"]),
    "no test rows": (
        with_splits(test_unseen=np.zeros(0, int), test_seen=np.zeros(0, int)),
        ["splits.test_unseen", "no rows", "test_seen"],
    ),
    "test-seen class without training rows": (
        with_splits(train=[4, 5, 8, 12], validation_seen=[4]),
        ["splits.test_seen", "'a'"],
    ),
    "validation class that is unseen": (with_splits(validation_classes=[4]), ["validation_classes", "'e'"]),
    "only validation classes": (
        with_splits(validation_classes=[0, 1, 2, 3], validation_seen=np.zeros(0, int)),
        ["validation_classes", "none is left"],
    ),
    "validation row outside training": (with_splits(validation_seen=[3]), ["validation_seen", "row 3"]),
    "validation row of a validation class": (with_splits(validation_seen=[12]), ["validation_seen", "row 12", "'d'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_problem_is_refused_in_one_line_that_names_the_culprit(case):
    changes, culprits = BAD[case]
    with pytest.raises(InputError) as caught:
        Problem(**{**arrays(), **changes})
    message = str(caught.value)
    assert message.startswith("toy.npz: ")
    assert "\n" not in message
    for culprit in culprits:
        assert culprit in message


def test_all_problems_are_reported_together():
    changes = {**edited("semantics", 2, 0), **edited("samples", (5, 1), np.nan)}
    with pytest.raises(InputError) as caught:
        Problem(**{**arrays(), **changes})
    assert len(caught.value.problems) == 2
    assert "and 1 more" in str(caught.value)


def test_an_invisible_entry_may_hold_anything():
    observed = np.ones((24, 3), bool)
    observed[5, 1] = False
    problem = Problem(**{**arrays(), **edited("samples", (5, 1), np.nan), "observed": observed})
    assert np.isnan(problem.samples[5, 1])


def test_validation_problem_is_cut_out_of_the_training_rows():
    problem = Problem(**arrays())
    inner = problem.validation()
    np.testing.assert_array_equal(inner.splits.train, [0, 1, 4, 5, 8, 9, 10])
    np.testing.assert_array_equal(inner.splits.test_seen, [2, 6])
    np.testing.assert_array_equal(inner.splits.test_unseen, [12, 13, 14])
    np.testing.assert_array_equal(inner.unseen_classes, [3])
    with pytest.raises(InputError, match="validation_classes"):
        inner.validation()


def test_every_seen_class_is_unseen_in_one_fold():
    problem = Problem(**arrays())
    folds = problem.validation_folds(3)
    np.testing.assert_array_equal(np.sort(np.concatenate([f.unseen_classes for f in folds])), problem.seen_classes)
    for fold in folds:
        rows = np.concatenate([fold.splits.train, fold.splits.test_unseen])
        np.testing.assert_array_equal(np.sort(rows), problem.splits.train)
    with pytest.raises(InputError, match="folds: 9 found"):
        problem.validation_folds(9)


def test_hash_is_of_the_content():
    problem = Problem(**arrays())
    assert problem.hash == Problem(**arrays()).hash
    assert len(problem.hash) == 16
    moved = dataclasses.replace(problem, provenance=problem.provenance._replace(origin="elsewhere"))
    assert moved.hash == problem.hash
    changed = [
        edited("samples", (0, 0), 9.0),
        edited("semantics", (0, 1), 0.5),
        {"class_names": tuple("abcdeg")},
        with_splits(test_seen=[3, 7, 11]),
        {"observed": np.ones((24, 3), bool)},
    ]
    hashes = {Problem(**{**arrays(), **change}).hash for change in changed}
    assert len(hashes | {problem.hash}) == len(changed) + 1
