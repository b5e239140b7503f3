"""A problem in which some classes of a source are new: their samples are unlabelled, to be discovered as clusters."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from jzsl.data.class_count.compactness import Compactness
from jzsl.data.class_count.estimate import CountEstimator
from jzsl.data.clusters import counted, divided, require_labels_unused, require_share, with_cluster_names
from jzsl.data.digits_images import DigitImages
from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.problem.problem import Problem
from jzsl.problem.splits import NONE, Splits


@dataclass(frozen=True)
class NewClasses:
    """Old classes with labels, and samples of new classes without, to be discovered as clusters new-1, new-2, ...

    Old classes are the source's seen ones. Test samples of both stay apart, those of the source where it has some of a
    class; unlabelled samples of old classes, whose labels are not for training, and classes that are neither old nor
    new, are left out. Samples that have no label in the source are taken to be of new classes; none of them is a test
    sample. There are no class semantics and no validation classes.
    """

    data: SourceConfig = DigitImages(unseen=())
    """the source; some of its unlabelled samples, or all, may have no label"""
    new: tuple[str, ...] | None = None
    """names of the new classes; None: the source's unseen ones, and others of its unlabelled samples alone"""
    clusters: int | Literal["estimated"] | None = None
    """how many clusters to discover; None: as many as there are new classes, where every sample has a label"""
    estimator: CountEstimator = Compactness()
    """of the number of clusters, where that is to be estimated"""
    held_out: float = 0.2
    """share of the samples of a class to hold out where its source has no test samples of it, or test samples only"""

    def __post_init__(self):
        require_share(self.held_out)

    def load(self) -> Problem:
        """The problem.

        Raises:
            InputError: if the source has no such classes, or none besides them.
        """
        problem = self.data.load()
        require_labels_unused(problem)
        origin = problem.provenance.origin
        splits, known = problem.splits, np.union1d(problem.unseen_classes, problem.labels[problem.new_samples])
        new = known if self.new is None else named(problem, self.new)
        old = np.setdiff1d(problem.seen_classes, new)
        unknown = problem.unknown_samples
        if not len(new) and not len(unknown):
            raise InputError(
                f"{origin}: no unseen classes found, nor samples without a label, so the option `new` must name the "
                "new classes"
            )
        if not len(old):
            which = "every class with labelled samples is new" if len(new) else "no sample has a label"
            raise InputError(f"{origin}: {which}, expected some old classes; the source Clustered needs none")
        train, test_seen = divided(problem, old, splits.train, self.held_out)
        learned = np.concatenate([splits.train, splits.unlabelled])
        unlabelled, test_unseen = divided(problem, new, learned, self.held_out)
        unlabelled = np.sort(np.concatenate([unlabelled, unknown]))
        count, how = counted(problem, train, unlabelled, self.clusters, self.estimator)
        listed = ", ".join(problem.class_names[number] for number in new)
        provenance = problem.provenance._replace(
            name=f"{problem.provenance.name} ({f'{len(new)} new' if len(new) else 'unknown new'} classes)",
            semantics="none",
            attributes=(),
            clusters=how,
            notes=(
                *problem.provenance.notes,
                *([f"new classes: {listed}"] if len(new) else []),
                *([f"{len(unknown)} samples without a label are of new classes"] if len(unknown) else []),
            ),
        )
        return replace(
            problem,
            semantics=None,
            class_names=with_cluster_names(problem.class_names, "new", count),
            splits=Splits(train, test_seen, test_unseen, NONE, NONE, unlabelled),
            provenance=provenance,
            clusters=count,
        )


def named(problem: Problem, names: tuple[str, ...]) -> np.ndarray:
    """The classes of these names, sorted; an InputError for one that does not exist or has no samples."""
    classes = []
    for name in names:
        if name not in problem.class_names:
            raise InputError(f"{problem.provenance.origin}: new: no class {name!r}, expected {_some(problem)}")
        classes.append(problem.class_names.index(name))
        if not np.isin(classes[-1], problem.labels):
            raise InputError(f"{problem.provenance.origin}: new: class {name!r} has no samples")
    return np.unique(np.array(classes, np.int64))


def _some(problem: Problem) -> str:
    shown = ", ".join(problem.class_names[:10])
    return f"names such as {shown}" if len(problem.class_names) > 10 else f"some of {shown}"
