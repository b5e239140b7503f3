"""Views: what training may see of a problem. None holds a test label, by construction.

Only this module decides which samples a task has, in which order, and which classes they may belong to.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jzsl.devices.memory import require_host
from jzsl.errors import InputError
from jzsl.interfaces import Method, Task
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import CHUNK, MinMax, Transform, TransformConfig
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.clustering_held_out import ClusteringHeldOut
from jzsl.tasks.discovery import Discovery
from jzsl.tasks.discovery_held_out import DiscoveryHeldOut
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.old_held_out import OldHeldOut
from jzsl.tasks.unlabelled_pool import UnlabelledPool
from jzsl.tasks.zsl import ZSL
from jzsl.types import UNLABELLED, Candidates, ClassTable, Pool, Setting

_SETTINGS = {(False, True): Setting.transductive, (True, True): Setting.strict, (True, False): Setting.adaptation}
"""(seen classes, unseen classes) among the candidates of the unlabelled samples -> the setting."""

_TASKS = (
    ZSL(), GZSL(), Adaptation(), Discovery(), DiscoveryHeldOut(), Clustering(), ClusteringHeldOut(), UnlabelledPool(),
    OldHeldOut(),
)  # fmt: skip


class Queries(NamedTuple):
    """The samples to classify in a task, and the classes to choose from.

    Attributes:
        samples: indices of the problem's samples, in a fixed order that says nothing about their classes.
        candidates: classes, one per column of the scores.
    """

    samples: Int[np.ndarray, " n"]
    candidates: Int[np.ndarray, " k"]


class View(NamedTuple):
    """A training view.

    Attributes:
        pool: labelled samples first (w = 1), then unlabelled ones (y = UNLABELLED, w = 1), then absent ones (w = 0) up
            to the capacity. Features stay in half precision and images in uint8 if the problem has them so; training
            turns each minibatch into float32. After a transform that mixes entries none counts as missing.
        classes: the class table.
        seen: classes with labelled samples.
        unseen: classes to recognise without labelled samples; in a problem with clusters to be discovered, these.
        candidates: classes that the unlabelled samples may belong to.
        labelled: number of labelled samples.
        unlabelled: number of unlabelled samples.
        transform: of the samples, fitted on the samples of this view.
        setting: the experimental setting.
        queries: of each task, by its name.
    """

    pool: Pool
    classes: ClassTable
    seen: Int[np.ndarray, " s"]
    unseen: Int[np.ndarray, " u"]
    candidates: Candidates
    labelled: int
    unlabelled: int
    transform: Transform
    setting: Setting
    queries: dict[str, Queries]

    @property
    def unlabelled_samples(self) -> slice:
        """The slice of the pool that holds the unlabelled samples."""
        return slice(self.labelled, self.labelled + self.unlabelled)


def view_of(
    problem: Problem,
    transform: TransformConfig = MinMax(),
    unlabelled: Task | None = None,
    tasks: Sequence[Task] | None = None,
    capacity: int | None = None,
    multiple: int = 1,
    resident: bool = True,
) -> View:
    """A view of the labelled samples and, in the transductive settings, of a task's test samples without labels.

    Args:
        problem: of which this is the view.
        transform: of the samples, fitted on the view's samples.
        unlabelled: the task whose test samples are the unlabelled pool: `ZSL()` for the samples of unseen classes in a
            pool of their own (STHS, sections 4.2 and 4.3), `GZSL()` for seen and unseen classes mixed (section 4.5),
            `Adaptation()` for the seen classes in another domain (AVH paper, section 5.1). None: inductive.
        tasks: whose queries the view carries; None: all built-in ones that the problem has test samples for.
        capacity: pads the pool, so that one compilation serves several problems; None: the number of samples.
        multiple: pads the pool further, to a multiple of this number.
        resident: whether the pool holds the samples; else it holds zeros that take no memory, and sample i of
            the pool is sample train[i] of the problem.

    Raises:
        InputError: if the problem has no test samples for one of the tasks, or the pool exceeds this machine's memory.
    """
    selected = [task for task in _TASKS if next(_obstacles(problem, task), None) is None] if tasks is None else tasks
    queries = {
        task.name: queries_of(problem, task) for task in (*selected, *([] if unlabelled is None else [unlabelled]))
    }
    new = problem.cluster_classes if problem.clusters else problem.unseen_classes
    if unlabelled is None:
        extra, classes, setting = np.zeros(0, np.int64), new, _setting(problem)
    else:
        extra, classes = queries[unlabelled.name]
        setting = _SETTINGS[unlabelled.seen, unlabelled.unseen]
    extra = np.concatenate([extra, problem.splits.unlabelled])
    train = problem.splits.train
    samples = np.concatenate([train, extra])
    pool, fitted = _pool(problem, samples, len(train), transform, capacity, multiple, resident)
    seen, unseen = problem.seen_classes.astype(np.int32), new.astype(np.int32)
    classes = classes.astype(np.int32)
    shared = not np.isin(classes, unseen).any()
    semantics = None if problem.semantics is None else problem.semantics.astype(np.float32)
    return View(
        pool,
        ClassTable(semantics, np.isin(np.arange(len(problem.class_names)), seen), unseen if problem.clusters else None),
        seen,
        unseen,
        Candidates(unseen, classes, shared | np.isin(classes, unseen), np.zeros(len(classes), np.float32)),
        len(train),
        len(extra),
        fitted,
        setting,
        queries,
    )


def inductive(problem: Problem, transform: TransformConfig = MinMax()) -> View:
    """Labelled samples only."""
    return view_of(problem, transform)


def transductive(problem: Problem, transform: TransformConfig = MinMax()) -> View:
    """Labelled samples, and those of the unseen classes without labels in a separate pool."""
    return view_of(problem, transform, ZSL())


def strict_transductive(problem: Problem, transform: TransformConfig = MinMax()) -> View:
    """Labelled samples, and the test samples of seen and unseen classes without labels, mixed."""
    return view_of(problem, transform, GZSL())


def domain_adaptation(problem: Problem, transform: TransformConfig = MinMax()) -> View:
    """Labelled samples of a source domain, and the same classes' test samples of a target domain, unlabelled."""
    return view_of(problem, transform, Adaptation())


def require_unlabelled(view: View, method: Method, origin: str) -> None:
    """Raises an InputError, naming the origin of the data, if a method needs samples without labels and a view has
    none."""
    if method.needs_unlabelled is not None and not view.unlabelled:
        raise InputError(
            f"{method.needs_unlabelled}: given, but it changes samples without labels alone, and {origin} has none in "
            f"this training; expected self_training, or {method.needs_unlabelled} None"
        )


def require_labelled(view: View, method: Method, origin: str) -> None:
    """Raises an InputError, naming the origin of the data, if a method needs labelled samples of two classes and a view
    has none, or those of one class."""
    if method.needs_labelled and not view.labelled:
        raise InputError(f"{origin}: no labelled samples found, but the method learns from some first")
    if method.needs_labelled and len(view.seen) < 2:
        raise InputError(
            f"{origin}: labelled samples of one class found, expected two classes or more: the method first learns "
            "which pairs of samples are of one class"
        )


def queries_of(problem: Problem, task: Task) -> Queries:
    """The queries of a task.

    Raises:
        InputError: if the problem has no test samples of a kind that the task needs.
    """
    for obstacle in _obstacles(problem, task):
        raise InputError(f"{problem.provenance.origin}: {obstacle}")
    groups = [problem.seen_classes] * task.seen + [problem.unseen_classes] * task.unseen
    groups += [problem.cluster_classes] * task.clusters
    return Queries(task.queries(problem), np.concatenate(groups).astype(np.int32))


def _obstacles(problem: Problem, task: Task) -> Iterator[str]:
    """Why a problem has no answer to a task, one sentence each."""
    if problem.clusters and not task.clusters:
        yield (
            f"{problem.clusters} classes are clusters to be discovered, which the task {task.name} does not score; "
            "expected the tasks discovery or clustering"
        )
    if task.clusters and not problem.clusters:
        yield (
            f"no clusters to be discovered, which the task {task.name} scores; expected a source such as NewClasses or "
            "Clustered"
        )
    if task.clusters and problem.clusters:
        labelled, clustering = len(problem.splits.train), isinstance(task, Clustering | ClusteringHeldOut)
        if labelled and clustering:
            yield f"splits.train: {labelled} labelled samples, expected none for {task.name}, or the task discovery"
        if not labelled and isinstance(task, Discovery | DiscoveryHeldOut | OldHeldOut):
            yield f"splits.train: no samples, so there are no old classes for {task.name}; expected the task clustering"
    for split, needed in (("test_unseen", task.unseen), ("test_seen", task.seen)):
        if needed and not len(getattr(problem.splits, split)):
            yield f"splits.{split}: no samples, so the task {task.name} has no score"
    if task.clusters and not len(task.queries(problem)):
        others = " and OldHeldOut" if len(problem.splits.test_seen) else ""
        hint = f"; without labels there is UnlabelledPool{others}" if len(problem.unknown_samples) else ""
        yield f"the task {task.name} has no samples of new classes to score{hint}"


def _setting(problem: Problem) -> Setting:
    """Of a training on labelled samples and those of `splits.unlabelled`."""
    if problem.clusters:
        return Setting.discovery if len(problem.splits.train) else Setting.clustering
    return Setting.semi_supervised if len(problem.splits.unlabelled) else Setting.inductive


def _pool(
    problem: Problem,
    samples: Int[np.ndarray, " n"],
    labelled: int,
    config: TransformConfig,
    capacity: int | None,
    multiple: int,
    resident: bool,
) -> tuple[Pool, Transform]:
    """The pool of these samples, the first `labelled` of them with labels, and the transform fitted on them."""
    capacity = len(samples) if capacity is None else capacity
    if capacity < len(samples):
        raise ValueError(f"capacity {capacity} is below the view's {len(samples)} samples")
    size = -(-capacity // multiple) * multiple
    y = np.full(size, UNLABELLED, np.int32)
    y[:labelled] = problem.labels[samples[:labelled]]
    transform = config.fit(problem.samples, problem.observed, samples, y[: len(samples)])
    observed = None
    if problem.observed is not None and transform.matrix is None:
        observed = np.zeros((size, *problem.observed.shape[1:]), bool)
        observed[: len(samples)] = problem.observed[samples]
    dtype = problem.samples.dtype if problem.samples.dtype in (np.float16, np.uint8) else np.dtype(np.float32)
    shape = (size, *transform.shape)
    if resident:
        bytes_needed = int(np.prod(shape)) * dtype.itemsize
        require_host(bytes_needed, f"{problem.provenance.origin}: a pool of {len(samples)} samples")
        x = np.zeros(shape, dtype)
        for start in range(0, len(samples), CHUNK):
            chunk = slice(start, min(start + CHUNK, len(samples)))
            part = None if problem.observed is None else problem.observed[samples[chunk]]
            x[chunk] = transform(problem.samples[samples[chunk]], part)
    else:
        x = np.broadcast_to(dtype.type(0), shape)
    return Pool(x, y, (np.arange(size) < len(samples)).astype(np.int32), observed), transform
