"""Two Gaussian classes projected to the unit sphere (AVH paper, fig. 3), and their overlap in closed form."""

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import norm


def two_on_a_sphere(
    count: int, between: float, spread: float, seed: int
) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, " n"]]:
    """Points of unit length and their classes, 0 or 1, equally likely.

    Args:
        count: number of points.
        between: angle between the means, in radians.
        spread: standard deviation around means of unit length, before points are projected to the sphere.
        seed: the same seed gives the same points.
    """
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, count)
    x = _means(between)[y] + spread * random.normal(size=(count, 3))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y.astype(np.int32)


def overlap(x: Float[np.ndarray, "n 3"], between: float, spread: float) -> Float[np.ndarray, " n"]:
    """Probability of the less likely class of each point: the smallest possible error, in [0, 1/2].

    The density of a Gaussian of mean m and standard deviation s, projected to the sphere, is at u proportional to
    exp(t^2 / 2) ((1 + t^2) Phi(t) + t phi(t)) with t = m'u / s.
    """
    t = np.asarray(x, np.float64) @ _means(between).T / spread
    log_density = t**2 / 2 + np.log((1 + t**2) * norm.cdf(t) + t * norm.pdf(t))
    share = 1 / (1 + np.exp(log_density[:, 1] - log_density[:, 0]))
    return np.minimum(share, 1 - share)


def _means(between: float) -> np.ndarray:
    half = between / 2
    return np.array([[np.cos(half), np.sin(half), 0], [np.cos(half), -np.sin(half), 0]])
