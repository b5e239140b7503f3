"""Where the sigma of eq. 1 comes from, and how it is learned; an addition to the ABP paper, which fixes it."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.errors import InputError


@runtime_checkable
class SigmaOf(Protocol):
    def __call__(
        self, given: Float[Array, ""], variance: Float[Array, " c_1"], y: Int[Array, " b"], /
    ) -> Float[Array, " b"]:
        """sigma of samples of the classes y.

        Args:
            given: the sigma of the config, or of the study that sweeps it.
            variance: sigma^2 as learned so far, of each class and of all samples (last).
            y: classes.
        """
        ...


@runtime_checkable
class SigmaOfNewClass(Protocol):
    def __call__(self, given: Float[Array, ""], variance: Float[Array, " c_1"], /) -> Float[Array, ""]:
        """sigma of a class without samples."""
        ...


@runtime_checkable
class UpdateVariance(Protocol):
    def __call__(
        self,
        variance: Float[Array, " c_1"],
        squared_error: Float[Array, " b"],
        entries: Float[Array, " b"],
        y: Int[Array, " b"],
        valid: Float[Array, " b"],
        /,
    ) -> Float[Array, " c_1"]:
        """sigma^2 after a minibatch; arguments as in `variance_ema`."""
        ...


class ObservationNoise(NamedTuple):
    """As its protocols say; the variances start at the square of the given sigma."""

    sigma: SigmaOf
    sigma_of_new_class: SigmaOfNewClass
    update: UpdateVariance


@runtime_checkable
class ObservationNoiseConfig(Protocol):
    """A frozen dataclass that makes an observation noise."""

    def build(self) -> ObservationNoise: ...


@dataclass(frozen=True)
class FixedNoise:
    """sigma is given (the paper)."""

    def build(self) -> ObservationNoise:
        return ObservationNoise(
            sigma=lambda given, variance, y: jnp.full(y.shape, given),
            sigma_of_new_class=lambda given, variance: given,
            update=lambda variance, squared_error, entries, y, valid: variance,
        )


@dataclass(frozen=True)
class LearnedNoise:
    """sigma starts at the given one and follows the residuals of all samples."""

    rate: float = 0.05
    """share of a minibatch's mean in the moving average of sigma^2"""

    def __post_init__(self):
        _require_share(self.rate)

    def build(self) -> ObservationNoise:
        def sigma(given, variance, y):
            del given
            return jnp.full(y.shape, jnp.sqrt(variance[-1]))

        return _learned(sigma, self.rate)


@dataclass(frozen=True)
class PerClassNoise:
    """sigma of each class follows the residuals of its samples; a class without samples has the sigma of all."""

    rate: float = 0.05
    """share of a minibatch's mean in the moving average of sigma^2"""

    def __post_init__(self):
        _require_share(self.rate)

    def build(self) -> ObservationNoise:
        def sigma(given, variance, y):
            del given
            return jnp.sqrt(variance[y])

        return _learned(sigma, self.rate)


def _learned(sigma: SigmaOf, rate: float) -> ObservationNoise:
    def update(variance, squared_error, entries, y, valid):
        return variance_ema(variance, squared_error, entries, y, valid, rate)

    return ObservationNoise(sigma, lambda given, variance: jnp.sqrt(variance[-1]), update)


def variance_ema(
    variance: Float[Array, " c_1"],
    squared_error: Float[Array, " b"],
    entries: Float[Array, " b"],
    y: Int[Array, " b"],
    valid: Float[Array, " b"],
    rate: float = 0.05,
) -> Float[Array, " c_1"]:
    """sigma^2 moved towards the mean squared residual of a minibatch: of its classes, and of all samples (last).

    At latents drawn from the posterior that mean is the M-step of sigma^2, here by stochastic approximation (Delyon
    et al. 1999) with a constant rate. The variance of a class without a sample in the minibatch does not change.

    Args:
        variance: sigma^2 of each class, and of all samples.
        squared_error: ||M o (X - g(C, Z))||^2 of each sample.
        entries: number of observed entries of each sample.
        y: labels.
        valid: 1 for samples that count, 0 for padding.
        rate: share of the minibatch's mean.
    """
    zeros = jnp.zeros(len(variance) - 1)
    error, entries = valid * squared_error, valid * entries
    total = jnp.append(zeros.at[y].add(error), jnp.sum(error))
    count = jnp.append(zeros.at[y].add(entries), jnp.sum(entries))
    mean = jnp.where(count > 0, total / jnp.maximum(count, 1), variance)
    return variance + rate * (mean - variance)


def _require_share(rate: float) -> None:
    if not 0 < rate <= 1:
        raise InputError(f"rate: {rate} found, expected a share above 0 and up to 1")
