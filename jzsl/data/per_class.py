"""A problem with some of its samples only, equally many of each class: for trials that take less time."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from jzsl.data.digits_images import DigitImages
from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class PerClass:
    """A fixed random choice of each class's training and test samples; all of them where a class has fewer.

    Test samples are chosen by their labels: a pool of unlabelled ones then has a uniform class prior. Samples are held
    out for choices where the source holds them out, but for classes that would have no training sample left.
    """

    data: SourceConfig = DigitImages()
    """the source"""
    train: int | None = None
    """training samples of each class; None: all"""
    test: int | None = None
    """test samples of each class; None: all"""

    def __post_init__(self):
        for name in ("train", "test"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: {value} found, expected at least 1 sample of each class")

    def load(self) -> Problem:
        """The problem; samples that no split names stay in it, unused."""
        problem = self.data.load()
        splits, labels = problem.splits, problem.labels
        train = chosen(splits.train, labels, self.train, 0)
        held_out = np.intersect1d(splits.validation_seen, train)
        left = np.isin(labels[held_out], labels[np.setdiff1d(train, held_out)])
        kept = splits._replace(
            train=train,
            validation_seen=held_out[left],
            test_seen=chosen(splits.test_seen, labels, self.test, 1),
            test_unseen=chosen(splits.test_unseen, labels, self.test, 2),
        )
        counts = [f"{value} {name}" for name, value in (("training", self.train), ("test", self.test)) if value]
        if not counts:
            return problem
        name = f"{problem.provenance.name} ({' and '.join(counts)} samples per class)"
        return replace(problem, splits=kept, provenance=problem.provenance._replace(name=name))


def chosen(
    indices: Int[np.ndarray, " n"], labels: Int[np.ndarray, " m"], count: int | None, seed: int
) -> Int[np.ndarray, " k"]:
    """`count` of the indices for each label, sorted; a larger count includes the choice of a smaller one."""
    if count is None:
        return indices
    shuffled = np.random.default_rng(seed).permutation(np.sort(indices))
    kept = [shuffled[labels[shuffled] == label][:count] for label in np.unique(labels[indices])]
    return np.sort(np.concatenate([indices[:0], *kept]))
