"""What a Problem refuses, and its validation problem."""

import dataclasses

import numpy as np
import pytest

from jzsl.data.digits import Digits
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.problem.checks import require_samples
from jzsl.problem.problem import Problem, Provenance, Splits
from jzsl.types import UNLABELLED


def arrays():
    """Six classes of four samples; 0 to 3 seen, 2 and 3 the validation classes, 4 and 5 unseen."""
    labels = np.repeat(np.arange(6), 4)
    return {
        "samples": np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32),
        "labels": labels,
        "semantics": 2 * np.eye(6),
        "class_names": tuple("abcdef"),
        "splits": Splits(
            train=np.array([0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14]),
            test_seen=np.array([3, 7, 11, 15]),
            test_unseen=np.arange(16, 24),
            validation_classes=np.array([2, 3]),
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
    "NaN feature": (edited("samples", (5, 1), np.nan), ["features", "sample 5", "feature 1", "nan"]),
    "infinite feature": (edited("samples", (6, 2), np.inf), ["features", "sample 6", "feature 2", "inf"]),
    "feature beyond float32": (
        {"samples": np.where(np.arange(72).reshape(24, 3) == 16, -1e300, 1.0)},
        ["features", "sample 5", "feature 1", "-1e+300", "float32"],
    ),
    "complex features": ({"samples": np.ones((24, 3), complex)}, ["features", "complex128"]),
    "images without channels": ({"samples": np.zeros((24, 8, 8), np.uint8)}, ["images", "(24, 8, 8)", "channels"]),
    "an entry of an image-shaped feature": (
        {"samples": np.where(np.arange(24 * 6).reshape(24, 2, 3) == 23, np.nan, 1.0)},
        ["sample 3", "feature (1, 2)", "nan"],
    ),
    "too few labels": ({"labels": np.zeros(23, int)}, ["labels", "23", "24"]),
    "labels of fractions": ({"labels": np.zeros(24)}, ["labels", "float64", "integers"]),
    "label out of range": (edited("labels", 7, 6), ["labels", "sample 7", "6", "0 to 5"]),
    "negative label": (edited("labels", 7, -2), ["labels", "sample 7", "-2"]),
    "no label in a split that needs one": (edited("labels", 7, -1), ["labels", "sample 7", "-1", "unlabelled"]),
    "class without semantics": (edited("semantics", 2, 0), ["semantics", "'c'", "zeros"]),
    "semantics not finite": (edited("semantics", (2, 1), np.nan), ["semantics", "'c'", "not finite"]),
    "semantics that vanish in float32": (edited("semantics", 2, 1e-60), ["semantics", "'c'", "zeros in float32"]),
    "semantics beyond float32": (edited("semantics", (2, 1), 1e60), ["semantics", "'c'", "not finite in float32"]),
    "semantics of integers": ({"semantics": np.eye(6, dtype=int)}, ["semantics", "int64"]),
    "a row of semantics too many": ({"semantics": np.ones((7, 6))}, ["class_names", "6", "7"]),
    "no classes": ({"semantics": None, "class_names": ()}, ["class_names", "none"]),
    "domains of another length": ({"domains": np.zeros(23, int), "domain_names": ("a",)}, ["domains", "(23,)", "24"]),
    "domain out of range": ({"domains": np.ones(24, int), "domain_names": ("a",)}, ["domains", "sample 0", "0 to 0"]),
    "domain names alone": ({"domain_names": ("a",)}, ["domain_names", "no domains"]),
    "picture of another size": ({"image": (2, 2)}, ["image", "(2, 2)", "(3,)"]),
    "unlabelled sample that is a training sample": (with_splits(unlabelled=[0]), ["train", "unlabelled", "share 1"]),
    "unlabelled sample that is a test sample": (with_splits(unlabelled=[16]), ["test_unseen", "unlabelled"]),
    "too few names": ({"class_names": tuple("abcde")}, ["class_names", "5", "6"]),
    "repeated name": ({"class_names": tuple("abcdea")}, ["class_names", "'a'"]),
    "observed of another shape": ({"observed": np.ones((24, 2), bool)}, ["observed", "(24, 2)", "(24, 3)"]),
    "observed of numbers": ({"observed": np.ones((24, 3))}, ["observed", "float64", "bool"]),
    "train and test-seen overlap": (with_splits(test_seen=[0, 7]), ["train", "test_seen", "1 samples"]),
    "unseen class with training samples": (
        with_splits(train=[0, 1, 4, 16], test_unseen=[17, 18, 20]),
        ["unseen class 'e'", "1 training samples"],
    ),
    "index beyond the end": (with_splits(test_seen=[24]), ["splits.test_seen", "24", "0 to 23"]),
    "negative index": (with_splits(test_seen=[-1]), ["splits.test_seen", "-1"]),
    "index of fractions": (with_splits(test_seen=[0.5]), ["splits.test_seen", "float64"]),
    "sample listed twice": (with_splits(test_seen=[3, 3]), ["splits.test_seen", "more than once"]),
    "no training samples": (with_splits(train=np.zeros(0, int)), ["splits.train", "no samples"]),
    "no test samples": (
        with_splits(test_unseen=np.zeros(0, int), test_seen=np.zeros(0, int)),
        ["splits.test_unseen", "no samples", "test_seen"],
    ),
    "test-seen class without training samples": (
        with_splits(train=[4, 5, 8, 12], validation_seen=[4]),
        ["splits.test_seen", "'a'"],
    ),
    "validation class that is unseen": (with_splits(validation_classes=[4]), ["validation_classes", "'e'"]),
    "only validation classes": (
        with_splits(validation_classes=[0, 1, 2, 3], validation_seen=np.zeros(0, int)),
        ["validation_classes", "expected some left to train on"],
    ),
    "validation sample outside training": (with_splits(validation_seen=[3]), ["validation_seen", "sample 3"]),
    "validation sample of a validation class": (
        with_splits(validation_seen=[12]),
        ["validation_seen", "sample 12", "'d'"],
    ),
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


def test_an_entry_that_is_not_observed_may_hold_anything():
    observed = np.ones((24, 3), bool)
    observed[5, 1] = False
    problem = Problem(**{**arrays(), **edited("samples", (5, 1), np.nan), "observed": observed})
    assert np.isnan(problem.samples[5, 1])


def test_validation_problem_is_cut_out_of_the_training_samples():
    problem = Problem(**arrays())
    inner = problem.validation()
    np.testing.assert_array_equal(inner.splits.train, [0, 1, 4, 5])
    np.testing.assert_array_equal(inner.splits.test_seen, [2, 6])
    np.testing.assert_array_equal(inner.splits.test_unseen, [8, 9, 10, 12, 13, 14])
    np.testing.assert_array_equal(inner.unseen_classes, [2, 3])
    with pytest.raises(InputError, match="validation_classes: none"):
        inner.validation()
    single = Problem(**{**arrays(), **with_splits(validation_classes=[3])})
    with pytest.raises(InputError, match=r"validation_classes: one, .* at least two"):
        single.validation()


def test_every_seen_class_is_unseen_in_one_fold():
    problem = Problem(**arrays())
    folds = problem.validation_folds(2)
    np.testing.assert_array_equal(np.sort(np.concatenate([f.unseen_classes for f in folds])), problem.seen_classes)
    for fold in folds:
        assert len(fold.unseen_classes) == 2
        indices = np.concatenate([fold.splits.train, fold.splits.test_unseen])
        np.testing.assert_array_equal(np.sort(indices), problem.splits.train)
    for count in (0, 3, 9):
        with pytest.raises(InputError, match=f"folds: {count} found, expected 1 to 2"):
            problem.validation_folds(count)


def partly_labelled():
    """The toy with its last class unlabelled: two samples of it without labels at all; no semantics, two domains."""
    parts = {**arrays(), **with_splits(test_unseen=np.arange(16, 20), unlabelled=np.arange(20, 24))}
    parts["labels"][22:] = UNLABELLED
    return {**parts, "semantics": None, "domains": np.arange(24) % 2, "domain_names": ("photo", "sketch")}


def test_unlabelled_samples_domains_and_missing_semantics():
    problem = Problem(**partly_labelled())
    np.testing.assert_array_equal(problem.seen_classes, [0, 1, 2, 3])
    np.testing.assert_array_equal(problem.unseen_classes, [4])
    assert problem.warnings == ()
    inner = problem.validation()
    np.testing.assert_array_equal(inner.splits.unlabelled, problem.splits.unlabelled)
    np.testing.assert_array_equal(inner.domains, problem.domains)
    assert inner.domain_names == problem.domain_names


def test_unlabelled_samples_alone_make_a_problem():
    none = np.zeros(0, int)
    splits = Splits(none, none, none, none, none, np.arange(24))
    assert len(Problem(**{**arrays(), "splits": splits}).seen_classes) == 0
    unknown = {**arrays(), "splits": splits, "labels": np.full(24, UNLABELLED)}
    np.testing.assert_array_equal(Problem(**unknown).unknown_samples, np.arange(24))
    assert len(Problem(**unknown).new_samples) == 0
    nothing_known = Problem(**{**unknown, "semantics": None, "class_names": ()})
    assert dataclasses.replace(nothing_known, class_names=("a", "b"), clusters=2).cluster_classes.tolist() == [0, 1]


def test_class_without_samples_is_a_distractor_with_a_warning():
    problem = Problem(**{**arrays(), "semantics": np.ones((8, 6)), "class_names": tuple("abcdefgh")})
    (warning,) = problem.warnings
    assert "'g' and 1 more have no samples" in warning
    assert 7 not in problem.unseen_classes


def test_feature_whose_offset_eats_its_digits_is_warned_of():
    samples = np.random.default_rng(0).normal(size=(24, 3))
    assert Problem(**{**arrays(), "samples": samples}).warnings == ()
    samples[:, 1] += 1e8
    (warning,) = Problem(**{**arrays(), "samples": samples}).warnings
    assert "feature 1" in warning
    assert "8 apart" in warning  # 1e8 is between 2^26 and 2^27, where float32's last of 24 digits is 2^3
    assert np.spacing(np.float32(1e8)) == 8
    constant = np.where(np.arange(3) == 1, 1e8, samples)
    assert Problem(**{**arrays(), "samples": constant}).warnings == ()
    observed = np.ones((24, 3), bool)
    observed[0, 2], samples[:, 1], samples[0, 2] = False, 0, 1e9
    assert Problem(**{**arrays(), "samples": samples, "observed": observed}).warnings == ()


def test_foreign_samples_fit_a_model_or_are_refused_by_name():
    good = np.ones((4, 3))
    single, byte = np.dtype(np.float32), np.dtype(np.uint8)
    require_samples(good, (3,), single)
    require_samples(good.astype(int), (3,), single)
    require_samples(np.zeros((4, 8, 8, 1), np.uint8), (8, 8, 1), byte)
    big = good.copy()
    big[2, 1] = 1e300
    for samples, shape, dtype, message in (
        (good, (4,), single, r"shape \(4, 3\) found, expected samples of 4 features"),
        (good[0], (3,), single, r"shape \(3,\)"),
        (good + 1j, (3,), single, "complex128 found"),
        (np.full((4, 3), "x"), (3,), single, "<U1 found"),
        (big, (3,), single, "sample 2, feature 1 is 1e\\+300"),
        (good, (3,), byte, "float64 found, expected uint8"),
        (np.zeros((4, 8, 8, 3), np.uint8), (8, 8, 1), byte, r"expected samples of shape \(8, 8, 1\)"),
    ):
        with pytest.raises(InputError, match=message):
            require_samples(samples, shape, dtype)


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
        {"semantics": None},
        with_splits(test_unseen=np.arange(16, 20)),
        with_splits(test_unseen=np.arange(16, 20), unlabelled=np.arange(20, 24)),
        {"domains": np.zeros(24, int), "domain_names": ("photo",)},
        {"domains": np.zeros(24, int), "domain_names": ("sketch",)},
        {"domains": np.zeros(24, int), "domain_names": ("photo", "sketch")},
        {"samples": np.zeros((24, 2, 3, 1), np.uint8)},
    ]
    hashes = {Problem(**{**arrays(), **change}).hash for change in changed}
    assert len(hashes | {problem.hash}) == len(changed) + 1


def test_hashes_of_embedded_problems_are_those_that_results_hold():
    """A run is compared with results on disk by this hash, so that it must outlive changes of the code."""
    hashes = [source.load().hash for source in (Digits(), DigitsShift(), LinearGaussian())]
    assert hashes == ["d0afd505b0432c45", "669d5ed6ef421e6e", "9f2e9759ddbec6de"]


def test_validation_draws_are_random_sets_of_seen_classes_of_one_size():
    """They repeat themselves, differ from each other, never hold a test sample, and share the sizes of a program."""
    problem = Digits().load()
    draws = problem.validation_draws(6, 0.3)
    again = problem.validation_draws(3, 0.3)
    assert [one.hash for one in draws[:3]] == [one.hash for one in again]
    sets = {tuple(one.unseen_classes) for one in draws}
    assert len(sets) > 1
    assert {len(one) for one in sets} == {2}
    assert {(len(one.splits.train), len(one.splits.test_unseen)) for one in draws} == {
        (min(len(problem.splits.train[~np.isin(problem.labels[problem.splits.train], one)]) for one in sets),
         min(np.isin(problem.labels[problem.splits.train], one).sum() for one in sets))
    }  # fmt: skip
    for one in draws:
        assert set(one.unseen_classes) <= set(problem.seen_classes)
        assert not set(one.unseen_classes) & set(one.seen_classes)
        assert set(one.splits.train) | set(one.splits.test_unseen) <= set(problem.splits.train)
        assert not len(one.splits.test_seen)
    with pytest.raises(InputError, match="3 seen classes"):
        LinearGaussian(classes=5, unseen=2).load().validation_draws(2)


def test_one_hot_semantics_are_warned_of_where_classes_are_unseen():
    parts = arrays()
    told = Problem(**{**parts, "semantics": np.eye(len(parts["class_names"]))}).warnings
    assert any("one dimension per class" in warning for warning in told)
    assert not any("one dimension" in warning for warning in Problem(**parts).warnings)
