"""Feature scalers, fitted on training rows only (on training and unlabelled rows in the transductive settings)."""

import enum
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from sklearn.preprocessing import MinMaxScaler


class Scaler(NamedTuple):
    """The affine map (x - low) / span, feature by feature."""

    low: Float[np.ndarray, " d"]
    span: Float[np.ndarray, " d"]

    def __call__(
        self, x: Float[np.ndarray, "n d"], visible: Bool[np.ndarray, "n d"] | None = None
    ) -> Float[np.ndarray, "n d"]:
        """Scaled rows in float32; entries that are not visible become 0, as in the ABP paper, section 4.2."""
        scaled = ((np.asarray(x, np.float32) - self.low) / self.span).astype(np.float32)
        return scaled if visible is None else np.where(visible, scaled, np.float32(0))


def minmax(x: Float[np.ndarray, "n d"], visible: Bool[np.ndarray, "n d"] | None = None) -> Scaler:
    """Each feature's range over the visible entries becomes [0, 1] (the ABP paper's features).

    A feature that is constant, or never visible, is shifted only.
    """
    seen = np.asarray(x, np.float32)
    if visible is not None:
        # A feature that no row shows has no range: zeros stand in for it.
        seen = np.where(visible, seen, np.where(visible.any(0), np.float32(np.nan), np.float32(0)))
    fitted = MinMaxScaler().fit(seen)
    return Scaler(fitted.data_min_.astype(np.float32), (1 / fitted.scale_).astype(np.float32))


def identity(x: Float[np.ndarray, "n d"], visible: Bool[np.ndarray, "n d"] | None = None) -> Scaler:
    """Features stay as they are."""
    del visible
    return Scaler(np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32))


class Scaling(enum.Enum):
    """Which scaler a run fits."""

    minmax = enum.member(minmax)
    none = enum.member(identity)
