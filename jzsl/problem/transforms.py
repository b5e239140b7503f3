"""Feature scalers, fitted on training rows only (on training and unlabelled rows in the transductive settings)."""

import enum
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.preprocessing import MinMaxScaler

CHUNK_ROWS = 8192
"""Rows that are read, scaled or scored at a time."""


class Scaler(NamedTuple):
    """The affine map (x - low) / span, feature by feature."""

    low: Float[np.ndarray, " d"]
    span: Float[np.ndarray, " d"]

    def __call__(
        self, x: Float[np.ndarray, "n d"], observed: Bool[np.ndarray, "n d"] | None = None
    ) -> Float[np.ndarray, "n d"]:
        """Scaled rows in float32; entries that are not observed become 0, as in the ABP paper, section 4.2."""
        scaled = ((np.asarray(x, np.float32) - self.low) / self.span).astype(np.float32)
        return scaled if observed is None else np.where(observed, scaled, np.float32(0))


def minmax(
    x: Float[np.ndarray, "n d"],
    observed: Bool[np.ndarray, "n d"] | None = None,
    rows: Int[np.ndarray, " r"] | None = None,
) -> Scaler:
    """Each feature's range over the observed entries of `rows` becomes [0, 1] (the ABP paper's features).

    A feature that is constant, or never observed, is shifted only. Rows are read in chunks: `x` may be memory-mapped.
    """
    rows = np.arange(len(x)) if rows is None else rows
    low, high = np.full(x.shape[1], np.nan, np.float32), np.full(x.shape[1], np.nan, np.float32)
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]
        part = np.asarray(x[chunk], np.float32)
        if observed is not None:
            part = np.where(observed[chunk], part, np.float32(np.nan))
        low = np.fmin(low, np.fmin.reduce(part, 0))
        high = np.fmax(high, np.fmax.reduce(part, 0))
    # A feature that no row shows has no range: zeros stand in for it.
    fitted = MinMaxScaler().fit(np.nan_to_num(np.stack([low, high])))
    return Scaler(fitted.data_min_.astype(np.float32), (1 / fitted.scale_).astype(np.float32))


def identity(
    x: Float[np.ndarray, "n d"],
    observed: Bool[np.ndarray, "n d"] | None = None,
    rows: Int[np.ndarray, " r"] | None = None,
) -> Scaler:
    """Features stay as they are."""
    del observed, rows
    return Scaler(np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32))


class Scaling(enum.Enum):
    """Which scaler a run fits."""

    minmax = enum.member(minmax)
    none = enum.member(identity)
