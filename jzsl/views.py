"""Views: what training may see of a problem. None holds a test label, by construction."""

from typing import NamedTuple

import numpy as np

from jzsl.problem import Problem
from jzsl.scaling import CHUNK_ROWS, Scaler, Scaling
from jzsl.types import ClassTable, Pool


class View(NamedTuple):
    """A training view.

    Attributes:
        pool: labelled rows first, then unlabelled ones (y = -1, w = 0), then empty rows up to the capacity. Features
            stay in half precision if the problem has them so; training turns each minibatch into float32.
        classes: the class table.
        seen: classes with labelled rows.
        unseen: classes to recognise.
        labelled: number of labelled rows.
        unlabelled: number of unlabelled rows.
        scaler: the feature scaler, fitted on the rows of this view.
        setting: for tables: 'inductive', 'transductive (unseen pool separate)' or 'transductive (strict)'.
    """

    pool: Pool
    classes: ClassTable
    seen: np.ndarray
    unseen: np.ndarray
    labelled: int
    unlabelled: int
    scaler: Scaler
    setting: str


def inductive(problem: Problem, scaling: Scaling = Scaling.minmax, capacity: int | None = None) -> View:
    """Labelled rows only. `capacity` pads the pool, so that one compilation serves several problems."""
    return _view(problem, np.zeros(0, np.int64), "inductive", scaling, capacity)


def transductive(problem: Problem, scaling: Scaling = Scaling.minmax, capacity: int | None = None) -> View:
    """Labelled rows, and the rows of the unseen classes without labels (STHS, sections 4.2 and 4.3)."""
    return _view(problem, unseen_queries(problem), "transductive (unseen pool separate)", scaling, capacity)


def strict_transductive(problem: Problem, scaling: Scaling = Scaling.minmax, capacity: int | None = None) -> View:
    """Labelled rows, and one unlabelled pool of seen and unseen test rows mixed (STHS, section 4.5)."""
    return _view(problem, all_queries(problem), "transductive (strict)", scaling, capacity)


def unseen_queries(problem: Problem) -> np.ndarray:
    """Test rows of unseen classes in a fixed random order: files are sorted by class, and order is a label."""
    return np.random.default_rng(0).permutation(problem.splits.test_unseen)


def all_queries(problem: Problem) -> np.ndarray:
    """All test rows, seen and unseen classes mixed, in a fixed random order."""
    return np.random.default_rng(1).permutation(np.concatenate([problem.splits.test_seen, problem.splits.test_unseen]))


def _view(problem: Problem, unlabelled: np.ndarray, setting: str, scaling: Scaling, capacity: int | None) -> View:
    train = problem.splits.train
    rows = np.concatenate([train, unlabelled])
    padding = 0 if capacity is None else capacity - len(rows)
    if padding < 0:
        raise ValueError(f"capacity {capacity} is below the view's {len(rows)} rows")
    visible = None if problem.visible is None else problem.visible[rows]
    scaler = scaling.value(problem.features, problem.visible, rows)
    half = problem.features.dtype == np.float16
    x = np.zeros((len(rows) + padding, problem.features.shape[1]), np.float16 if half else np.float32)
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = slice(start, min(start + CHUNK_ROWS, len(rows)))
        x[chunk] = scaler(problem.features[rows[chunk]], None if visible is None else visible[chunk])

    def padded(array, fill=0):
        return np.pad(array, [(0, padding)] + [(0, 0)] * (array.ndim - 1), constant_values=fill)

    seen = problem.seen_classes
    pool = Pool(
        x=x,
        y=padded(np.concatenate([problem.labels[train], np.full(len(unlabelled), -1)]), -1).astype(np.int32),
        w=(np.arange(len(rows) + padding) < len(train)).astype(np.int32),
        visible=None if visible is None else padded(visible),
    )
    classes = ClassTable(problem.semantics.astype(np.float32), np.isin(np.arange(len(problem.semantics)), seen))
    return View(
        pool,
        classes,
        seen.astype(np.int32),
        problem.unseen_classes.astype(np.int32),
        len(train),
        len(unlabelled),
        scaler,
        setting,
    )
