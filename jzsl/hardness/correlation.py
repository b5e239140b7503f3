"""How a hardness score agrees with a measured hardness (AVH paper, section 4, tables 1 and 2)."""

import enum
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats


class Coefficient(enum.Enum):
    """Which correlation."""

    spearman = enum.member(stats.spearmanr)
    pearson = enum.member(stats.pearsonr)
    kendall = enum.member(stats.kendalltau)


class Correlation(NamedTuple):
    """A coefficient, and the probability of one as large without any; NaN where a variable is constant."""

    coefficient: float
    p: float


class Difference(NamedTuple):
    """A z value and its two-sided probability under equal coefficients; NaN where the test is undefined."""

    z: float
    p: float


UNDEFINED = Difference(float("nan"), float("nan"))


def correlation(kind: Coefficient, a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> Correlation:
    """Of two variables over the same samples."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(float("nan"), float("nan"))
    result: Any = kind.value(a, b)
    return Correlation(float(result[0]), float(result[1]))


def correlation_by_bin(
    kind: Coefficient, a: Float[np.ndarray, " n"], measured: Float[np.ndarray, " n"], edges: Float[np.ndarray, " e"]
) -> list[tuple[int, Correlation]]:
    """Samples and correlation within each bin [edge, next edge) of the measured hardness; the last bin is closed."""
    position = np.clip(np.searchsorted(edges, measured, side="right") - 1, 0, len(edges) - 2)
    inside = (measured >= edges[0]) & (measured <= edges[-1])
    members = [inside & (position == number) for number in range(len(edges) - 1)]
    return [(int(member.sum()), correlation(kind, a[member], measured[member])) for member in members]


def fisher_z(coefficient: float) -> float:
    """artanh r, whose sampling distribution is close to normal with variance 1 / (n - 3)."""
    return float(np.arctanh(np.clip(coefficient, -1 + 1e-15, 1 - 1e-15)))


def no_correlation(coefficient: float, samples: int) -> Difference:
    """z test of a coefficient of Pearson or Spearman against none: artanh r, of variance 1 / (n - 3) where there is
    none."""
    if samples <= 3 or np.isnan(coefficient):
        return UNDEFINED
    return _two_sided(fisher_z(coefficient) * np.sqrt(samples - 3))


def independent_difference(first: float, second: float, samples_first: int, samples_second: int) -> Difference:
    """z test of two coefficients from two different samples.

    The AVH paper applies it to two scores on the same samples (tables 1 and 2), where it does not hold: use
    `dependent_difference`. This test only reproduces the paper's numbers.
    """
    if min(samples_first, samples_second) <= 3:
        return UNDEFINED
    z = (fisher_z(first) - fisher_z(second)) / np.sqrt(1 / (samples_first - 3) + 1 / (samples_second - 3))
    return _two_sided(z)


def dependent_difference(
    first: float, second: float, between: float, samples: int, kind: Coefficient = Coefficient.pearson
) -> Difference:
    """z test of two coefficients with the same third variable on the same samples (Meng, Rosenthal and Rubin 1992).

    The test is Pearson's. The Fisher transform of Spearman's coefficient rho has (1 + rho^2 / 2) times the variance
    (Bonett and Wright 2000), by which the variance of the test on ranks is
    multiplied; it then rejects somewhat less often than its level.

    Args:
        first: correlation of one score with the measured hardness.
        second: of the other score.
        between: of the two scores with each other.
        samples: their number.
        kind: of all three coefficients: Pearson's or Spearman's.

    Returns:
        z = 0 where the two scores are the same variable; NaN where a coefficient is, where both scores determine the
        third variable, each in its own direction, or where there are three samples or fewer.

    Raises:
        ValueError: of Kendall's coefficient.
    """
    if kind is Coefficient.kendall:
        raise ValueError("kind: kendall found, expected pearson or spearman")
    if between >= 1:
        return Difference(0.0, 1.0)
    if samples <= 3 or not first**2 + second**2 < 2:
        return UNDEFINED
    mean_square = (first**2 + second**2) / 2
    f = min((1 - between) / (2 * (1 - mean_square)), 1.0)
    h = (1 - f * mean_square) / (1 - mean_square)
    spread = 2 * (1 - between) * h
    if kind is Coefficient.spearman:
        spread *= 1 + mean_square / 2
    return _two_sided((fisher_z(first) - fisher_z(second)) * np.sqrt((samples - 3) / spread))


def bootstrap_interval(
    kind: Coefficient,
    a: Float[np.ndarray, "*s n"],
    measured: Float[np.ndarray, "*s n"],
    other: Float[np.ndarray, "*s n"] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of the correlation of `a`, or of its lead over that of `other`; samples are redrawn.

    With several seeds, the leading axes, it is the interval of the mean over them. NaN where a resample's
    coefficient is undefined.
    """
    size = a.shape[-1]
    scores, hardness = a.reshape(-1, size), measured.reshape(-1, size)
    others = None if other is None else other.reshape(-1, size)

    def statistic(drawn):
        leads = []
        for seed in range(len(scores)):
            lead = correlation(kind, scores[seed, drawn], hardness[seed, drawn]).coefficient
            if others is not None:
                lead -= correlation(kind, others[seed, drawn], hardness[seed, drawn]).coefficient
            leads.append(lead)
        return np.mean(leads)

    rng = np.random.default_rng(seed)
    result = stats.bootstrap(
        (np.arange(size),),
        statistic,
        vectorized=False,
        n_resamples=resamples,
        confidence_level=level,
        method="percentile",
        rng=rng,
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def _two_sided(z: float) -> Difference:
    return Difference(float(z), float(2 * stats.norm.sf(abs(z))))
