"""The functions of tasks, methods and classifiers as typed protocols, and the tuples that hold them.

Whatever has several forms is a NamedTuple of such functions, made by the `build` of a frozen dataclass, so that a
user's form is used like a built-in one. Every function is pure; its key comes first. Parameters are positional: a
function may call them by other names. `Any` stands for an array of JAX or of NumPy.

Sizes: `n` samples of a pool, `*s` the shape of one sample, `m` other samples, `a` semantic dimensions, `c` classes, `u`
unseen classes, `k` candidates, `e` embedding dimensions.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, Num

from jzsl.problem.pretraining import Pretraining
from jzsl.problem.problem import Problem
from jzsl.types import ClassTable, Embedding, Head, Metrics, Pool, State

# Tasks


@runtime_checkable
class Task(Protocol):
    """Which test samples a method classifies, and how its predictions are scored: a frozen dataclass without arrays.

    Attributes:
        name: in configs, records and the command line.
        numbers: names of the metrics that `score` returns.
        headline: the one of `numbers` by which settings are chosen on validation classes.
        seen: whether samples may be predicted as seen classes; `queries` then include samples of these.
        unseen: whether samples may be predicted as unseen classes; `queries` then include samples of these.
        clusters: whether samples may be predicted as clusters to be discovered.
    """

    name: ClassVar[str]
    numbers: ClassVar[tuple[str, ...]]
    headline: ClassVar[str]
    seen: ClassVar[bool]
    unseen: ClassVar[bool]
    clusters: ClassVar[bool]

    def queries(self, problem: Problem) -> Int[np.ndarray, " m"]:
        """Indices of the test samples in a fixed random order: files are often sorted by class."""
        ...

    def score(
        self,
        scores: Float[np.ndarray, "m k"],
        truth: Int[np.ndarray, " m"],
        candidates: Int[np.ndarray, " k"],
        is_seen: Bool[np.ndarray, " k"],
    ) -> dict[str, float]:
        """The metrics in percent.

        Args:
            scores: of each query, one column per candidate class; the largest is the prediction.
            truth: the class of each query.
            candidates: the class of each column.
            is_seen: which columns are seen classes.
        """
        ...


# Methods


@runtime_checkable
class Init(Protocol):
    def __call__(self, key: Key[Array, ""], pool: Pool, classes: ClassTable, /) -> State:
        """The state before training."""
        ...


@runtime_checkable
class Fit(Protocol):
    def __call__(
        self,
        state: Any,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
        /,
    ) -> tuple[Any, Metrics]:
        """Trains further.

        Args:
            state: after all epochs before.
            pool: the samples.
            classes: the class table.
            epochs: how many to train now; it may be traced.
            total: epochs of the whole training that this call is a part of, for schedules; it may be traced.
        """
        ...


@runtime_checkable
class MakePredictor(Protocol):
    def __call__(self, state: Any, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"], /) -> Any:
        """Whatever `logits` needs, as a pytree of arrays; `unseen` are the classes to recognise without labelled
        samples, such as clusters."""
        ...


@runtime_checkable
class Logits(Protocol):
    def __call__(self, predictor: Any, x: Num[Any, "m *s"], candidates: Int[Any, " k"], /) -> Float[Array, "m k"]:
        """Scores, one column per candidate, in the order of `candidates`."""
        ...


@runtime_checkable
class Relabel(Protocol):
    def __call__(self, key: Key[Array, ""], state: Any, changed: Bool[Any, " n"], /) -> Any:
        """The state without any trace of the samples whose label changed."""
        ...


@runtime_checkable
class SampleMethod(Protocol):
    def __call__(self, key: Key[Array, ""], state: Any, semantics: Float[Any, "m a"], /) -> Float[Array, "m *s"]:
        """One generated sample for each row of semantics."""
        ...


@runtime_checkable
class Adopt(Protocol):
    def __call__(self, key: Key[Array, ""], state: Any, earlier: Any, /) -> Any:
        """The state before training, with variables of `earlier`, the final state of the stage before."""
        ...


@runtime_checkable
class Embed(Protocol):
    def __call__(self, predictor: Any, x: Num[Any, "m *s"], candidates: Int[Any, " k"], /) -> Embedding:
        """Samples and class weights in the space in which the last layer compares them."""
        ...


@runtime_checkable
class Attend(Protocol):
    def __call__(self, predictor: Any, x: Num[Any, "m *s"], /) -> Float[Array, "m i j a"]:
        """Where in each image each semantic dimension is, as a map of places; larger is more."""
        ...


@runtime_checkable
class PerturbImages(Protocol):
    def __call__(self, predictor: Any, x: Num[Any, "m *s"], y: Int[Any, " m"], /) -> Float[Array, "m *s"]:
        """The images of classes `y` as training perturbs them, pixels in [0, 1]."""
        ...


@runtime_checkable
class MakeHead(Protocol):
    def __call__(self, predictor: Any, candidates: Int[Any, " k"], /) -> Head:
        """A plain classifier that gives the same scores as `logits`."""
        ...


def keep(key: Key[Array, ""], state: Any, changed: Bool[Array, " n"]) -> Any:
    """The relabelling of a method whose state holds nothing about single samples."""
    del key, changed
    return state


class Method(NamedTuple):
    """A zero-shot method as pure functions.

    Attributes:
        init, fit, predictor, logits, relabel: as their protocols say.
        sample: for methods that generate samples, else None.
        embedding: for methods with class weights or prototypes, else None.
        head: for methods that have one, else None.
        attention, perturb: for methods of images that have one, else None.
        adopt: for methods that take over variables from a stage before, else None.
        takes_soft: whether the loss takes a pool's soft labels.
        takes_images: whether it learns from images, height x width x channels; else from vectors.
        whole_pool: whether some function needs all samples of the pool at once; else `fit` may be called on one block
            of samples after another, with the state's entries of that block.
        batch_size: labelled samples of a learning step; None: an epoch is one step.
        closed_form: whether `fit` solves for its result and ignores the number of epochs.
        discovers: whether it has scores for clusters to be discovered.
        needs_unlabelled: the field of its config that changes samples without labels alone, so that a training without
            any is refused; None: there is none.
        needs_labelled: whether it learns nothing without labelled samples of two classes or more, so that a training
            without these is refused.
        pretraining: says which weights it starts from, if they are pre-trained; it may read a file.
    """

    init: Init
    fit: Fit
    predictor: MakePredictor
    logits: Logits
    relabel: Relabel = keep
    sample: SampleMethod | None = None
    embedding: Embed | None = None
    head: MakeHead | None = None
    attention: Attend | None = None
    perturb: PerturbImages | None = None
    adopt: Adopt | None = None
    takes_soft: bool = False
    takes_images: bool = False
    whole_pool: bool = False
    batch_size: int | None = None
    closed_form: bool = False
    discovers: bool = False
    needs_unlabelled: str | None = None
    needs_labelled: bool = False
    pretraining: Callable[[], Pretraining] | None = None


@runtime_checkable
class MethodConfig(Protocol):
    """A frozen dataclass of hyper-parameters that makes a method for a task."""

    def build(self, task: Task) -> Method: ...


# Classifiers


@runtime_checkable
class FitClassifier(Protocol):
    def __call__(
        self,
        key: Key[Array, ""],
        x: Num[Any, "n *s"],
        y: Int[Any, " n"],
        w: Int[Any, " n"],
        classes: ClassTable,
        /,
    ) -> Any:
        """Parameters, from samples of multiplicity `w`."""
        ...


@runtime_checkable
class Draw(Protocol):
    def __call__(self, key: Key[Array, ""], source: Any, y: Int[Any, " b"], /) -> Float[Array, "b *s"]:
        """One sample of each class of `y`, drawn from `source`."""
        ...


@runtime_checkable
class FitStreamed(Protocol):
    def __call__(self, key: Key[Array, ""], source: Any, unseen: Int[Any, " u"], /) -> Any:
        """Parameters; `source` is whatever draws samples."""
        ...


class StreamedClassifier(NamedTuple):
    """A classifier of samples that are drawn when they are needed, for more classes than memory has samples for."""

    fit: FitStreamed
    logits: Logits


@runtime_checkable
class MakeStreamed(Protocol):
    def __call__(self, draw: Draw, per_class: int, classes_per_block: int, /) -> StreamedClassifier:
        """The same classifier, on `per_class` samples per class, drawn for so many classes at a time."""
        ...


class Classifier(NamedTuple):
    """A supervised classifier.

    Attributes:
        fit, logits: as their protocols say; the parameters of `fit` are the predictor of `logits`.
        streamed: for classifiers that can train on samples as they are drawn, else None.
        embedding, head: as in `Method`.
    """

    fit: FitClassifier
    logits: Logits
    streamed: MakeStreamed | None = None
    embedding: Embed | None = None
    head: MakeHead | None = None


@runtime_checkable
class ClassifierConfig(Protocol):
    """A frozen dataclass of hyper-parameters that makes a classifier."""

    def build(self) -> Classifier: ...
