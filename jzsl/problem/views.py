"""Views: what training may see of a problem. None holds a test label, by construction."""

import math
from typing import NamedTuple

import numpy as np

from jzsl.devices.memory import require_host
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import CHUNK_ROWS, MinMax, Transform, TransformConfig
from jzsl.types import Candidates, ClassTable, Pool


class View(NamedTuple):
    """A training view.

    Attributes:
        pool: labelled rows first, then unlabelled ones (y = -1, w = 0), then empty rows up to the capacity (y = -2).
            Features stay in half precision and images stay uint8 if the problem has them so; training turns each
            minibatch into float32.
        classes: the class table.
        seen: classes with labelled rows.
        unseen: classes to recognise.
        candidates: classes that the unlabelled rows may belong to.
        labelled: number of labelled rows.
        unlabelled: number of unlabelled rows.
        transform: of the samples, fitted on those of this view.
        setting: for tables: 'inductive', 'transductive (unseen pool separate)', 'transductive (strict)' or
            'domain adaptation'.
    """

    pool: Pool
    classes: ClassTable
    seen: np.ndarray
    unseen: np.ndarray
    candidates: Candidates
    labelled: int
    unlabelled: int
    transform: Transform
    setting: str


def inductive(
    problem: Problem,
    transform: TransformConfig = MinMax(),
    capacity: int | None = None,
    multiple: int = 1,
    resident: bool = True,
) -> View:
    """Labelled rows only.

    Args:
        problem: of which this is the view.
        transform: of the samples, fitted on those of the view.
        capacity: pads the pool, so that one compilation serves several problems; None: no more rows than needed.
        multiple: and on, to a multiple of it.
        resident: whether the pool holds the features; else zeros that take no memory stand for them, and row i of the
            pool is row train[i] of the problem.
    """
    nothing = np.zeros(0, np.int64)
    return _view(problem, nothing, problem.unseen_classes, "inductive", transform, capacity, multiple, resident)


def transductive(
    problem: Problem, transform: TransformConfig = MinMax(), capacity: int | None = None, multiple: int = 1
) -> View:
    """Labelled rows, and the rows of the unseen classes without labels (STHS, sections 4.2 and 4.3)."""
    rows, name = unseen_queries(problem), "transductive (unseen pool separate)"
    return _view(problem, rows, problem.unseen_classes, name, transform, capacity, multiple)


def strict_transductive(
    problem: Problem, transform: TransformConfig = MinMax(), capacity: int | None = None, multiple: int = 1
) -> View:
    """Labelled rows, and one unlabelled pool of seen and unseen test rows mixed (STHS, section 4.5)."""
    candidates = np.concatenate([problem.seen_classes, problem.unseen_classes])
    return _view(problem, all_queries(problem), candidates, "transductive (strict)", transform, capacity, multiple)


def domain_adaptation(
    problem: Problem, transform: TransformConfig = MinMax(), capacity: int | None = None, multiple: int = 1
) -> View:
    """Labelled rows of a source domain, and the test rows of the same classes from a target domain without labels
    (AVH paper, section 5.1)."""
    return _view(
        problem, target_queries(problem), problem.seen_classes, "domain adaptation", transform, capacity, multiple
    )


def unseen_queries(problem: Problem) -> np.ndarray:
    """Test rows of unseen classes in a fixed random order: files are sorted by class, and order is a label."""
    return np.random.default_rng(0).permutation(problem.splits.test_unseen)


def all_queries(problem: Problem) -> np.ndarray:
    """All test rows, seen and unseen classes mixed, in a fixed random order."""
    return np.random.default_rng(1).permutation(np.concatenate([problem.splits.test_seen, problem.splits.test_unseen]))


def target_queries(problem: Problem) -> np.ndarray:
    """Test rows of seen classes in a fixed random order: where classes are shared, those of the target domain."""
    return np.random.default_rng(2).permutation(problem.splits.test_seen)


def _view(
    problem: Problem,
    unlabelled: np.ndarray,
    candidates: np.ndarray,
    setting: str,
    transform: TransformConfig,
    capacity: int | None,
    multiple: int,
    resident: bool = True,
) -> View:
    train = problem.splits.train
    rows = np.concatenate([train, unlabelled])
    capacity = len(rows) if capacity is None else capacity
    if capacity < len(rows):
        raise ValueError(f"capacity {capacity} is below the view's {len(rows)} rows")
    padding = -(-capacity // multiple) * multiple - len(rows)
    observed = None if problem.observed is None else problem.observed[rows]
    fitted = transform.fit(problem.samples, problem.observed, rows)
    kept = problem.samples.dtype in (np.float16, np.uint8)
    dtype = problem.samples.dtype if kept else np.dtype(np.float32)
    shape = (len(rows) + padding, *problem.sample_shape)
    if resident:
        require_host(math.prod(shape) * dtype.itemsize, f"{problem.provenance.origin}: a pool of {len(rows)} rows")
        x = np.zeros(shape, dtype)
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(start, min(start + CHUNK_ROWS, len(rows)))
            x[chunk] = fitted(problem.samples[rows[chunk]], None if observed is None else observed[chunk])
    else:
        x = np.broadcast_to(dtype.type(0), shape)

    def padded(array, fill=0):
        return np.pad(array, [(0, padding)] + [(0, 0)] * (array.ndim - 1), constant_values=fill)

    seen, unseen = problem.seen_classes, problem.unseen_classes
    shared = not np.isin(candidates, unseen).any()
    pool = Pool(
        x=x,
        y=padded(np.concatenate([problem.labels[train], np.full(len(unlabelled), -1)]), -2).astype(np.int32),
        w=(np.arange(len(rows) + padding) < len(train)).astype(np.int32),
        observed=None if observed is None else padded(observed),
    )
    semantics = None if problem.semantics is None else problem.semantics.astype(np.float32)
    is_seen = np.isin(np.arange(len(problem.class_names)), seen)
    classes = ClassTable(semantics, is_seen)  # pyright: ignore[reportArgumentType]
    return View(
        pool,
        classes,
        seen.astype(np.int32),
        unseen.astype(np.int32),
        Candidates(unseen.astype(np.int32), candidates.astype(np.int32), shared | np.isin(candidates, unseen)),
        len(train),
        len(unlabelled),
        fitted,
        setting,
    )
