"""Transforms of samples before any method sees them, fitted on the samples of a view only.

`MinMax()` and `Unscaled()` are here, `Whitened()` and `PrincipalComponents()` in files of their own; any frozen
dataclass with such a `fit` serves as well.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped
from sklearn.preprocessing import MinMaxScaler

CHUNK = 8192
"""Samples that are read, transformed or scored at a time."""


class Transform(NamedTuple):
    """The affine map (x - low) / span of features, entry by entry, times a matrix if there is one; images stay.

    A pure function of its arrays, so that it is saved as arrays and exported as a program.

    Attributes:
        low, span: float32, of the shape of a sample. For images both are uint8 and are not used: their shape and
            dtype are those of the samples that the transform takes.
        matrix: by which the scaled features are multiplied from the right; None: they stay.
    """

    low: Shaped[np.ndarray, "*s"]
    span: Shaped[np.ndarray, "*s"]
    matrix: Float[np.ndarray, "d p"] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample afterwards."""
        return self.low.shape if self.matrix is None else self.matrix.shape[1:]

    def __call__(
        self, x: Shaped[np.ndarray, "n *s"], observed: Bool[np.ndarray, "n *s"] | None = None
    ) -> Shaped[np.ndarray, "n *t"]:
        """Features in float32, 0 where an entry is not observed (as in the ABP paper, section 4.2); images as uint8."""
        if self.low.dtype == np.uint8:
            return x
        scaled = ((np.asarray(x, np.float32) - self.low) / self.span).astype(np.float32)
        scaled = scaled if observed is None else np.where(observed, scaled, np.float32(0))
        return scaled if self.matrix is None else scaled @ self.matrix

    def traced(self, x: Shaped[Array, "n *s"]) -> Shaped[Array, "n *t"]:
        """The same map inside a compiled program, for float32 or uint8 samples."""
        if self.low.dtype == np.uint8:
            return x
        scaled = (x - self.low) / self.span
        return scaled if self.matrix is None else jnp.matmul(scaled, self.matrix, precision="highest")


@runtime_checkable
class TransformConfig(Protocol):
    """A frozen dataclass that fits a transform."""

    def fit(
        self,
        samples: Shaped[np.ndarray, "n *s"],
        observed: Bool[np.ndarray, "n *s"] | None = None,
        indices: Int[np.ndarray, " m"] | None = None,
        labels: Int[np.ndarray, " m"] | None = None,
    ) -> Transform:
        """The transform that the samples at `indices` give, all samples where that is None.

        Args:
            samples: of the problem.
            observed: which entries were observed; None: all.
            indices: the samples that may be used.
            labels: the class of each of these, UNLABELLED where training must not know it; None: of none.
        """
        ...


@dataclass(frozen=True)
class MinMax:
    """Each feature's range over the observed entries becomes [0, 1] (the ABP paper's features); images stay."""

    def fit(
        self,
        samples: Shaped[np.ndarray, "n *s"],
        observed: Bool[np.ndarray, "n *s"] | None = None,
        indices: Int[np.ndarray, " m"] | None = None,
        labels: Int[np.ndarray, " m"] | None = None,
    ) -> Transform:
        """A feature that is constant, or never observed, is shifted only. `samples` may be memory-mapped: they are read
        in chunks. Labels play no part."""
        del labels
        shape = samples.shape[1:]
        if samples.dtype == np.uint8:
            return _of_images(shape)
        indices = np.arange(len(samples)) if indices is None else indices
        low, high = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
        for start in range(0, len(indices), CHUNK):
            chunk = indices[start : start + CHUNK]
            part = np.asarray(samples[chunk], np.float32)
            if observed is not None:
                part = np.where(observed[chunk], part, np.float32(np.nan))
            low = np.fmin(low, np.fmin.reduce(part, 0))
            high = np.fmax(high, np.fmax.reduce(part, 0))
        # A feature that is never observed has no range; zeros give it the span of a constant one.
        fitted = MinMaxScaler().fit(np.nan_to_num(np.stack([low.ravel(), high.ravel()])))
        span = (1 / fitted.scale_).astype(np.float32)
        return Transform(fitted.data_min_.astype(np.float32).reshape(shape), span.reshape(shape))


@dataclass(frozen=True)
class Unscaled:
    """Samples stay as they are."""

    def fit(
        self,
        samples: Shaped[np.ndarray, "n *s"],
        observed: Bool[np.ndarray, "n *s"] | None = None,
        indices: Int[np.ndarray, " m"] | None = None,
        labels: Int[np.ndarray, " m"] | None = None,
    ) -> Transform:
        del observed, indices, labels
        shape = samples.shape[1:]
        if samples.dtype == np.uint8:
            return _of_images(shape)
        return Transform(np.zeros(shape, np.float32), np.ones(shape, np.float32))


def _of_images(shape: tuple[int, ...]) -> Transform:
    return Transform(np.zeros(shape, np.uint8), np.ones(shape, np.uint8))
