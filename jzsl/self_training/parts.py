"""The parts of self-training as NamedTuples of functions: selectors, class priors, refiners, pseudo-label schedules.

A config names frozen dataclasses whose `build()` returns one of these, so that a user's is used like a built-in one.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jzsl.interfaces import Method
from jzsl.types import Predictions, Selected, SelectionRequest


@runtime_checkable
class EstimatePrior(Protocol):
    """The share of each candidate class among the unlabelled samples, by predictions for them.

    `prepared` is what `prepare` returned, or None; `confusion` is None unless `needs_generated`.
    """

    def __call__(
        self, prepared: Any, predictions: Predictions, confusion: Float[Array, "k k"] | None
    ) -> Float[Array, " k"]: ...


@runtime_checkable
class PreparePrior(Protocol):
    """Arrays that an estimator needs of the unlabelled samples, computed once per run on the host."""

    def __call__(self, x: Float[np.ndarray, "m *s"], classes: int, seed: int) -> Any: ...


class PriorEstimator(NamedTuple):
    """An estimator of the class prior.

    Attributes:
        estimate: the estimate; pure, part of the compiled round.
        prepare: None where nothing is to be prepared. Equal ones are run once.
        needs_generated: needs the base's confusion matrix on samples that the base generates itself.
        name: in reports.
    """

    estimate: EstimatePrior
    prepare: PreparePrior | None = None
    needs_generated: bool = False
    name: str = "an estimate"


@runtime_checkable
class Select(Protocol):
    """Which unlabelled samples a round trains on, and under which pseudo-label.

    The multiplicities add up to `request.n`, or about that where whole shares of classes are taken. Only samples in
    `predictions.selectable` may have one.
    """

    def __call__(
        self, key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest
    ) -> Selected: ...


@runtime_checkable
class SelectorParameters(Protocol):
    """Arrays that a study may sweep within one compiled program, for so many classes to select from."""

    def __call__(self, classes: int) -> Any: ...


def no_parameters(classes: int) -> tuple[()]:
    """The parameters of a selector without any."""
    del classes
    return ()


class Selector(NamedTuple):
    """A selection of pseudo-labelled samples.

    Attributes:
        select: the selection; pure, part of the compiled round.
        parameters: initial values, such as the number of hard classes. They are kept in the state.
        prior: the class prior that `request.prior` holds; None: a uniform one.
        uses_angles: needs the angles between samples and classes in the predictions.
    """

    select: Select
    parameters: SelectorParameters = no_parameters
    prior: PriorEstimator | None = None
    uses_angles: bool = False


@runtime_checkable
class Refine(Protocol):
    """Predictions for the unlabelled samples, refined before samples are selected by them.

    `prepared` is what `prepare` returned, or None; `prior` is uniform where the refiner names none.
    """

    def __call__(
        self, prepared: Any, predictions: Predictions, x: Float[Array, "m *s"], prior: Float[Array, " k"]
    ) -> Predictions: ...


@runtime_checkable
class PrepareRefiner(Protocol):
    """Arrays that a refiner needs of the unlabelled samples, such as a graph; compiled, once per run."""

    def __call__(self, x: Float[Array, "m *s"]) -> Any: ...


class Refiner(NamedTuple):
    """A refinement of predictions.

    Attributes:
        refine: the refinement; pure, part of the compiled round.
        prepare: None where nothing is to be prepared.
        prior: the class prior that it uses; None: a uniform one.
    """

    refine: Refine
    prepare: PrepareRefiner | None = None
    prior: PriorEstimator | None = None


@runtime_checkable
class CountSamples(Protocol):
    """How many of the eligible samples round t of T trains on; none in round 0."""

    def __call__(
        self, parameters: Any, t: Int[Array, ""], rounds: Int[Array, ""], eligible: Int[Array, ""]
    ) -> Int[Array, ""]: ...


class PseudoLabelSchedule(NamedTuple):
    """How the number of pseudo-labelled samples grows with the rounds.

    Attributes:
        samples: the number; pure, part of the compiled round.
        parameters: arrays that a study may sweep within one compiled program. They are kept in the state.
    """

    samples: CountSamples
    parameters: Any = ()


class SelfTrainingParts(NamedTuple):
    """A base and the parts of self-training around it.

    Attributes:
        method: the base.
        selector: selects the samples.
        schedule: how many samples each round takes.
        labelled: labelled samples of the pool, which come first.
        unlabelled: M, the samples after them.
        refiner: refines predictions before samples are selected by them; None: none does.
        warm: go on with the model of the last round instead of training it again from scratch.
        average: predict by the mean log-probability over all rounds so far.
    """

    method: Method
    selector: Selector
    schedule: PseudoLabelSchedule
    labelled: int
    unlabelled: int
    refiner: Refiner | None = None
    warm: bool = False
    average: bool = False

    @property
    def unlabelled_samples(self) -> slice:
        """Where they are in the pool."""
        return slice(self.labelled, self.labelled + self.unlabelled)

    @property
    def refiner_prior(self) -> PriorEstimator | None:
        """The class prior that the refiner uses."""
        return None if self.refiner is None else self.refiner.prior

    @property
    def needs_generated(self) -> bool:
        """Whether a class prior needs samples that the base generates."""
        return any(prior is not None and prior.needs_generated for prior in (self.selector.prior, self.refiner_prior))


@runtime_checkable
class Clustering(Protocol):
    """The cluster of each sample, from 0."""

    def __call__(self, x: Float[np.ndarray, "m *s"], clusters: int, seed: int) -> Int[np.ndarray, " m"]: ...


@runtime_checkable
class ClusteringConfig(Protocol):
    """A frozen dataclass of settings that makes a clustering."""

    def build(self) -> Clustering: ...


@runtime_checkable
class PriorConfig(Protocol):
    """A frozen dataclass of settings that makes an estimator of the class prior."""

    def build(self) -> PriorEstimator: ...


@runtime_checkable
class SelectorConfig(Protocol):
    """A frozen dataclass of settings that makes a selector."""

    def build(self) -> Selector: ...


@runtime_checkable
class RefinerConfig(Protocol):
    """A frozen dataclass of settings that makes a refiner."""

    def build(self) -> Refiner: ...


@runtime_checkable
class ScheduleConfig(Protocol):
    """A frozen dataclass of settings that makes a pseudo-label schedule."""

    def build(self) -> PseudoLabelSchedule: ...


def uniform_prior(classes: int) -> Float[Array, " k"]:
    """The same share for every class."""
    return jnp.full(classes, 1 / classes)


def name_of(part: object) -> str:
    """The name of a part in tables and reports: its class, or `none`."""
    return "none" if part is None else type(part).__name__
