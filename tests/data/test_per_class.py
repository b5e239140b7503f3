"""Fewer samples per class: how many, of which split, always the same."""

import numpy as np
import pytest

from jzsl.data.digits_images import DigitImages
from jzsl.data.per_class import PerClass
from jzsl.errors import InputError


def counts(problem, split):
    return np.unique(problem.labels[getattr(problem.splits, split)], return_counts=True)[1]


def test_so_many_of_each_class_are_kept():
    whole = DigitImages().load()
    problem = PerClass(train=12, test=5).load()
    for split, most in (("train", 12), ("test_seen", 5), ("test_unseen", 5)):
        assert set(counts(problem, split)) == {most}
        assert set(getattr(problem.splits, split)) <= set(getattr(whole.splits, split))
        assert (np.diff(getattr(problem.splits, split)) > 0).all()
    assert set(problem.splits.validation_seen) <= set(problem.splits.train)
    assert problem.provenance.name == "digits as images (12 training and 5 test samples per class)"
    assert problem.hash == PerClass(train=12, test=5).load().hash != whole.hash


@pytest.mark.parametrize("train", [1, 2, 12])
def test_every_seen_class_keeps_a_training_sample_in_validation(train):
    problem = PerClass(train=train).load()
    validation = problem.validation()
    assert set(validation.seen_classes) == set(problem.seen_classes) - set(problem.splits.validation_classes)
    assert set(np.unique(problem.labels[validation.splits.test_seen])) <= set(validation.seen_classes)


def test_more_samples_include_fewer_ones():
    few, more, all_of_them = (PerClass(train=count).load().splits.train for count in (3, 30, 10_000))
    assert set(few) < set(more)
    np.testing.assert_array_equal(all_of_them, np.sort(DigitImages().load().splits.train))


def test_without_a_number_it_is_the_problem():
    whole = DigitImages().load()
    assert PerClass().load().hash == whole.hash
    np.testing.assert_array_equal(PerClass(train=3).load().splits.test_seen, whole.splits.test_seen)
    with pytest.raises(InputError, match="train: 0 found, expected at least 1 sample of each class"):
        PerClass(train=0)
