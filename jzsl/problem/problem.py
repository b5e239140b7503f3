"""Problem: a zero-shot benchmark with its splits, class semantics and provenance, checked when it is made."""

import enum
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jzsl.errors import InputError

_CHUNK_ROWS = 65_536


class Splits(NamedTuple):
    """Row indices from 0, and the classes to hold out for choosing settings.

    Attributes:
        train: labelled rows of seen classes.
        test_seen: other rows of seen classes; may be empty, then the problem has no generalized task.
        test_unseen: rows of the unseen classes; empty where source and target domain share their classes, and then
            test_seen holds the target's rows.
        validation_classes: seen classes treated as unseen while settings are chosen.
        validation_seen: training rows of the other seen classes, held out meanwhile.
    """

    train: np.ndarray
    test_seen: np.ndarray
    test_unseen: np.ndarray
    validation_classes: np.ndarray
    validation_seen: np.ndarray


class Backbone(enum.Enum):
    """What the network that made the features had seen of the unseen classes; results tell it."""

    unstated = "nobody said what the features' network had seen"
    none = "no network made the features"
    disjoint = "the features' network never saw the unseen classes"
    overlapping = "the features' network was trained on unseen classes, too"


class Provenance(NamedTuple):
    """Where a problem comes from: names for tables, the files read, what the source had to decide, and what the
    features' network had seen."""

    name: str
    features: str
    semantics: str
    origin: str
    notes: tuple[str, ...] = ()
    backbone: Backbone = Backbone.unstated


@dataclass(frozen=True, eq=False)
class Problem:
    """A zero-shot benchmark.

    Attributes:
        samples: float[n, d], one row a sample.
        labels: int[n], index into the class table.
        semantics: float[c, a], one row a class: attributes or an embedding of its description.
        class_names: c different names.
        splits: see `Splits`.
        provenance: see `Provenance`.
        observed: bool[n, d] or None: which entries of `samples` were observed.
        image: height and width, where a row of features is the picture itself, or None.

    Raises:
        InputError: naming the field, what was found and what was expected.
    """

    samples: np.ndarray
    labels: np.ndarray
    semantics: np.ndarray
    class_names: tuple[str, ...]
    splits: Splits
    provenance: Provenance
    observed: np.ndarray | None = None
    image: tuple[int, int] | None = None

    def __post_init__(self):
        found = list(find_problems(self))
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise InputError(f"{self.provenance.origin}: {found[0]}{more}", problems=found)

    @property
    def seen_classes(self) -> np.ndarray:
        return np.unique(self.labels[self.splits.train])

    @property
    def unseen_classes(self) -> np.ndarray:
        return np.unique(self.labels[self.splits.test_unseen])

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything but the provenance, the first 16 hexadecimal digits."""
        digest = hashlib.sha256()
        arrays = [self.samples, self.labels, self.semantics, *self.splits]
        for array in arrays if self.observed is None else [*arrays, self.observed]:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            for start in range(0, len(array), _CHUNK_ROWS):
                digest.update(np.ascontiguousarray(array[start : start + _CHUNK_ROWS]).tobytes())
        digest.update("\0".join(self.class_names).encode())
        return digest.hexdigest()[:16]

    def validation(self) -> "Problem":
        """The problem on which settings are chosen: validation classes play the unseen ones.

        Its rows are all cut out of the training rows, so no test row takes part (protocol, rule 3).
        """
        splits = self.splits
        if not len(splits.validation_classes):
            raise InputError(f"{self.provenance.origin}: validation_classes: none, so no setting can be chosen on them")
        return self._without(splits.validation_classes, splits.validation_seen, "validation classes")

    def validation_folds(self, count: int) -> list["Problem"]:
        """`count` problems that choose a setting together: each seen class is unseen in one of them.

        The classes are dealt out in a fixed random order. A single set of validation classes is a small sample of
        classes, and the order of settings on it is largely luck. One fold is `validation`.

        Raises:
            InputError: if some fold would have no class, or leave none to train on.
        """
        if count == 1:
            return [self.validation()]
        seen = self.seen_classes
        if not 1 <= count <= len(seen):
            raise InputError(f"folds: {count} found, expected 1 to {len(seen)}, the number of seen classes")
        order = np.random.default_rng(0).permutation(seen)
        nothing = np.zeros(0, np.int64)
        return [
            self._without(np.sort(order[fold::count]), nothing, f"fold {fold + 1} of {count} of the seen classes")
            for fold in range(count)
        ]

    def _without(self, classes: np.ndarray, test_seen: np.ndarray, name: str) -> "Problem":
        """Some seen classes as unseen ones, some training rows of the others held out."""
        train = self.splits.train
        unseen = train[np.isin(self.labels[train], classes)]
        nothing = np.zeros(0, np.int64)
        return Problem(
            self.samples,
            self.labels,
            self.semantics,
            self.class_names,
            Splits(
                np.setdiff1d(train, np.concatenate([unseen, test_seen])),
                test_seen,
                unseen,
                nothing,
                nothing,
            ),
            self.provenance._replace(name=f"{self.provenance.name} ({name})"),
            self.observed,
            self.image,
        )


def find_problems(problem: Problem) -> Iterator[str]:
    """Everything that makes `problem` unusable, one sentence each, gravest first."""
    structural = list(_array_problems(problem))
    yield from structural
    if not structural:
        yield from _split_problems(problem)


def _array_problems(problem: Problem) -> Iterator[str]:
    features, labels, semantics = problem.samples, problem.labels, problem.semantics
    if features.ndim != 2 or not features.size or not np.issubdtype(features.dtype, np.floating):
        yield f"features: {features.dtype} array of shape {features.shape}, expected rows of floating-point features"
        return
    rows, size = features.shape
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        yield f"labels: {labels.dtype} array of shape {labels.shape}, expected {rows} integers"
        return
    if len(labels) != rows:
        yield f"labels: {len(labels)} labels for {rows} rows of features"
        return
    if semantics.ndim != 2 or not semantics.size or not np.issubdtype(semantics.dtype, np.floating):
        yield f"semantics: {semantics.dtype} array of shape {semantics.shape}, expected a floating-point row a class"
        return
    classes = len(semantics)
    if len(problem.class_names) != classes:
        yield f"class_names: {len(problem.class_names)} names for {classes} classes"
        return
    name, count = Counter(problem.class_names).most_common(1)[0]
    if count > 1:
        yield f"class_names: {name!r} occurs {count} times, expected different names"
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(outside):
        yield f"labels: row {outside[0]} has label {labels[outside[0]]}, expected 0 to {classes - 1}"
        return
    bad = np.flatnonzero(~np.isfinite(semantics).all(1) | ~semantics.any(1))
    if len(bad):
        found = "all zeros" if not semantics[bad[0]].any() else "not finite"
        yield f"semantics: class {problem.class_names[bad[0]]!r} has no usable semantics ({found})"
    empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(empty):
        yield f"labels: class {problem.class_names[empty[0]]!r} has no rows"
    observed = problem.observed
    if observed is not None and (observed.shape != features.shape or observed.dtype != bool):
        yield f"observed: {observed.dtype} array of shape {observed.shape}, expected bool of shape {(rows, size)}"
        return
    if problem.image is not None and problem.image[0] * problem.image[1] != size:
        yield f"image: {problem.image} found, but a row has {size} features"
    for start in range(0, rows, _CHUNK_ROWS):
        finite = np.isfinite(features[start : start + _CHUNK_ROWS])
        if observed is not None:
            finite |= ~observed[start : start + _CHUNK_ROWS]
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            yield f"features: row {start + row}, feature {column} is {features[start + row, column]}, expected finite"
            return


def _split_problems(problem: Problem) -> Iterator[str]:
    splits, labels, names = problem.splits, problem.labels, problem.class_names
    sizes = {name: len(names) if name == "validation_classes" else len(labels) for name in Splits._fields}
    for name, size in sizes.items():
        index = getattr(splits, name)
        if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
            yield f"splits.{name}: {index.dtype} array of shape {index.shape}, expected a list of integers"
            return
        if len(index) and (index.min() < 0 or index.max() >= size):
            wrong = index.min() if index.min() < 0 else index.max()
            yield f"splits.{name}: index {wrong} found, expected 0 to {size - 1}"
            return
        if len(np.unique(index)) < len(index):
            yield f"splits.{name}: {len(index) - len(np.unique(index))} indices occur more than once"
    if not len(splits.train):
        yield "splits.train: no rows"
        return
    if not len(splits.test_unseen) and not len(splits.test_seen):
        yield "splits.test_unseen: no rows; none in test_seen either"
        return
    for first, second in (("train", "test_seen"), ("train", "test_unseen"), ("test_seen", "test_unseen")):
        shared = np.intersect1d(getattr(splits, first), getattr(splits, second))
        if len(shared):
            yield f"splits: {first} and {second} share {len(shared)} rows, {shared[0]} among them; expected none"
    seen, unseen = problem.seen_classes, problem.unseen_classes
    both = np.intersect1d(seen, unseen)
    if len(both):
        count = np.sum(labels[splits.train] == both[0])
        yield f"splits: unseen class {names[both[0]]!r} has {count} training rows, expected none"
    stray = np.setdiff1d(labels[splits.test_seen], seen)
    if len(stray):
        yield f"splits.test_seen: class {names[stray[0]]!r} has no training rows"
    stray = np.setdiff1d(splits.validation_classes, seen)
    if len(stray):
        yield f"splits.validation_classes: class {names[stray[0]]!r} has no training rows"
    if len(splits.validation_classes) and not len(np.setdiff1d(seen, splits.validation_classes)):
        yield "splits.validation_classes: every seen class is one, so none is left to train on"
    stray = np.setdiff1d(splits.validation_seen, splits.train)
    if len(stray):
        yield f"splits.validation_seen: row {stray[0]} is no training row"
    stray = splits.validation_seen[np.isin(labels[splits.validation_seen], splits.validation_classes)]
    if len(stray):
        yield f"splits.validation_seen: row {stray[0]} belongs to validation class {names[labels[stray[0]]]!r}"
