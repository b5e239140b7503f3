"""Views: what training may see of a problem. None holds a test label, by construction."""

from typing import NamedTuple

import numpy as np

from jzsl.devices.memory import require_host
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import CHUNK_ROWS, Scaler, Scaling
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import Candidates, ClassTable, Pool


class View(NamedTuple):
    """A training view.

    Attributes:
        pool: labelled rows first, then unlabelled ones (y = -1, w = 0), then empty rows up to the capacity (y = -2).
            Features stay in half precision if the problem has them so; training turns each minibatch into float32.
        classes: the class table.
        seen: classes with labelled rows.
        unseen: classes to recognise.
        candidates: classes that the unlabelled rows may belong to.
        labelled: number of labelled rows.
        unlabelled: number of unlabelled rows.
        scaler: the feature scaler, fitted on the rows of this view.
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
    scaler: Scaler
    setting: str


def inductive(
    problem: Problem,
    scaling: Scaling = Scaling.minmax,
    capacity: int | None = None,
    multiple: int = 1,
    resident: bool = True,
) -> View:
    """Labelled rows only.

    Args:
        problem: of which this is the view.
        scaling: of the features, fitted on the view's rows.
        capacity: pads the pool, so that one compilation serves several problems; None: no more rows than needed.
        multiple: and on, to a multiple of it.
        resident: whether the pool holds the features; else zeros that take no memory stand for them, and row i of the
            pool is row train[i] of the problem.
    """
    nothing = np.zeros(0, np.int64)
    return _view(problem, nothing, problem.unseen_classes, "inductive", scaling, capacity, multiple, resident)


def transductive(
    problem: Problem, scaling: Scaling = Scaling.minmax, capacity: int | None = None, multiple: int = 1
) -> View:
    """Labelled rows, and the rows of the unseen classes without labels (STHS, sections 4.2 and 4.3)."""
    rows, name = ZSL().queries(problem), "transductive (unseen pool separate)"
    return _view(problem, rows, problem.unseen_classes, name, scaling, capacity, multiple)


def strict_transductive(
    problem: Problem, scaling: Scaling = Scaling.minmax, capacity: int | None = None, multiple: int = 1
) -> View:
    """Labelled rows, and one unlabelled pool of seen and unseen test rows mixed (STHS, section 4.5)."""
    candidates = np.concatenate([problem.seen_classes, problem.unseen_classes])
    return _view(problem, GZSL().queries(problem), candidates, "transductive (strict)", scaling, capacity, multiple)


def domain_adaptation(
    problem: Problem, scaling: Scaling = Scaling.minmax, capacity: int | None = None, multiple: int = 1
) -> View:
    """Labelled rows of a source domain, and the test rows of the same classes from a target domain without labels
    (AVH paper, section 5.1)."""
    return _view(
        problem, Adaptation().queries(problem), problem.seen_classes, "domain adaptation", scaling, capacity, multiple
    )


def _view(
    problem: Problem,
    unlabelled: np.ndarray,
    candidates: np.ndarray,
    setting: str,
    scaling: Scaling,
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
    scaler = scaling.value(problem.samples, problem.observed, rows)
    dtype = np.dtype(np.float16 if problem.samples.dtype == np.float16 else np.float32)
    shape = (len(rows) + padding, problem.samples.shape[1])
    if resident:
        require_host(shape[0] * shape[1] * dtype.itemsize, f"{problem.provenance.origin}: a pool of {len(rows)} rows")
        x = np.zeros(shape, dtype)
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(start, min(start + CHUNK_ROWS, len(rows)))
            x[chunk] = scaler(problem.samples[rows[chunk]], None if observed is None else observed[chunk])
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
    classes = ClassTable(problem.semantics.astype(np.float32), np.isin(np.arange(len(problem.semantics)), seen))
    return View(
        pool,
        classes,
        seen.astype(np.int32),
        unseen.astype(np.int32),
        Candidates(unseen.astype(np.int32), candidates.astype(np.int32), shared | np.isin(candidates, unseen)),
        len(train),
        len(unlabelled),
        scaler,
        setting,
    )
