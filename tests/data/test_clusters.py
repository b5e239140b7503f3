"""Sources of clusters to be discovered: who is labelled, who is not, who is held out; names and errors."""

import dataclasses

import numpy as np
import pytest

from jzsl.data.clustered import Clustered
from jzsl.data.clusters import with_number
from jzsl.data.digits import Digits
from jzsl.data.new_classes import NewClasses
from jzsl.errors import InputError

ALL = Digits(unseen=(), validation=())


def digits_of(problem, split):
    return set(np.unique(problem.labels[getattr(problem.splits, split)]).tolist())


def test_named_classes_are_new():
    """The source's own test samples stay apart; the clusters come last."""
    whole, problem = ALL.load(), NewClasses(ALL, new=("9", "5", "7")).load()
    old, new = {0, 1, 2, 3, 4, 6, 8}, {5, 7, 9}
    assert (digits_of(problem, "train"), digits_of(problem, "test_seen")) == (old, old)
    assert (digits_of(problem, "unlabelled"), digits_of(problem, "test_unseen")) == (new, new)
    learned = np.concatenate([problem.splits.train, problem.splits.unlabelled])
    tested = np.concatenate([problem.splits.test_seen, problem.splits.test_unseen])
    np.testing.assert_array_equal(np.sort(learned), np.sort(whole.splits.train))
    np.testing.assert_array_equal(np.sort(tested), np.sort(whole.splits.test_seen))
    assert problem.class_names[10:] == ("new-1", "new-2", "new-3")
    np.testing.assert_array_equal(problem.cluster_classes, [10, 11, 12])
    assert problem.semantics is None
    assert problem.warnings == ()


def test_the_sources_unseen_classes_are_new_and_a_share_is_held_out():
    source = Digits(unseen=(3, 5, 6))
    problem = NewClasses(source, held_out=0.25).load()
    for digit in (3, 5, 6):
        count = np.sum(source.load().labels == digit)
        held = problem.labels[problem.splits.test_unseen] == digit
        assert held.sum() == round(0.25 * count)
    assert digits_of(problem, "unlabelled") == {3, 5, 6}
    everything = NewClasses(source, held_out=0).load()
    assert not len(everything.splits.test_unseen)
    assert len(everything.splits.unlabelled) == len(source.load().splits.test_unseen)


def test_all_are_unlabelled_where_there_are_no_labels_to_learn_from():
    problem = Clustered(ALL, clusters=12).load()
    assert not len(problem.splits.train)
    assert digits_of(problem, "unlabelled") == digits_of(problem, "test_unseen") == set(range(10))
    assert len(problem.splits.unlabelled) + len(problem.splits.test_unseen) == 1797
    assert problem.class_names[10:] == tuple(f"cluster-{number}" for number in range(1, 13))


def test_another_number_of_clusters():
    problem = NewClasses(ALL, new=("7", "8"), clusters=3).load()
    assert with_number(problem, 5).hash == NewClasses(ALL, new=("7", "8"), clusters=5).load().hash
    assert with_number(Clustered(ALL).load(), 1).class_names[10:] == ("cluster-1",)
    with pytest.raises(InputError, match="clusters: 0 found, expected at least 1"):
        with_number(problem, 0)


def test_clusters_are_part_of_the_hash():
    problem = NewClasses(ALL, new=("7",), clusters=3).load()
    assert problem.hash == NewClasses(ALL, new=("7",), clusters=3).load().hash
    fewer = dataclasses.replace(problem, clusters=2)
    assert problem.hash != fewer.hash


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: NewClasses(ALL),
            "no unseen classes found, nor samples without a label, so the option `new` must",
        ),
        (lambda: NewClasses(ALL, new=("10",)), "new: no class '10', expected some of 0, 1"),
        (lambda: NewClasses(ALL, new=tuple("0123456789")), "every class with labelled samples is new"),
        (lambda: NewClasses(ALL, new=("7",), held_out=1.0), "held_out: 1.0 found, expected a number from 0 to below 1"),
        (lambda: NewClasses(ALL, new=("7",), clusters=999), "clusters: 999 found, expected at most"),
        (lambda: Clustered(ALL, clusters=0), "clusters: 0 found, expected at least 1"),
        (lambda: NewClasses(ALL, new=("7",), clusters=-2), "clusters: -2 found, expected at least 1"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        make().load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: {"clusters": 13}, "clusters: 13 found among 13 classes, expected 1 to 12 of them"),
        (lambda p: {"clusters": 4}, "belongs to the cluster '9', expected a class that is no cluster"),
        (lambda p: {"splits": p.splits._replace(unlabelled=p.splits.unlabelled[:0])}, "splits.unlabelled: no samples"),
        (lambda p: {"semantics": np.eye(13)}, "semantics: given, but 3 classes are clusters"),
    ],
)
def test_what_a_problem_with_clusters_refuses(change, message):
    problem = NewClasses(ALL, new=("7", "8", "9")).load()
    with pytest.raises(InputError, match=message):
        dataclasses.replace(problem, **change(problem))
