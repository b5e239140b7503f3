"""Correlations against hand computation and the AVH paper's table 2; tests of differences by simulation."""

import numpy as np
import pytest

from jzsl.hardness.correlation import (
    Coefficient,
    bootstrap_interval,
    correlation,
    correlation_by_bin,
    dependent_difference,
    fisher_z,
    independent_difference,
)


def test_coefficients_by_hand():
    a, b = np.array([1.0, 2, 3, 5]), np.array([1.0, 3, 2, 9])
    assert correlation(Coefficient.pearson, a, b).coefficient == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert correlation(Coefficient.spearman, a, b).coefficient == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert correlation(Coefficient.kendall, a, b).coefficient == pytest.approx((5 - 1) / 6)
    assert np.isnan(correlation(Coefficient.spearman, a, np.ones(4))).all()


@pytest.mark.parametrize(("first", "second", "z"), [(0.360, 0.325, 4.85), (0.385, 0.341, 6.2), (0.257, 0.231, 3.38)])
def test_the_paper_s_z_values(first, second, z):
    """Table 2: 29,987 images; its p of .0003 for the last is one-sided."""
    found = independent_difference(first, second, 29987, 29987)
    assert found.z == pytest.approx(z, abs=0.03)
    assert fisher_z(0.360) == pytest.approx(0.377, abs=5e-4)
    if z == 3.38:
        assert found.p / 2 == pytest.approx(0.0003, abs=1e-4)


def test_dependent_test_by_simulation():
    """Two scores equally good at one hardness: p is uniform, while that of the independent test is not."""
    rng = np.random.default_rng(0)
    dependent, independent = [], []
    for _ in range(1500):
        measured, shared = rng.normal(size=(2, 100))
        a, b = (measured + 0.7 * shared + 0.4 * rng.normal(size=100) for _ in range(2))
        r = np.corrcoef([measured, a, b])
        dependent.append(dependent_difference(r[0, 1], r[0, 2], r[1, 2], 100).p)
        independent.append(independent_difference(r[0, 1], r[0, 2], 100, 100).p)
    assert np.mean(np.array(dependent) < 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(np.array(dependent) < 0.5) == pytest.approx(0.5, abs=0.05)
    assert np.mean(np.array(independent) < 0.05) < 0.01
    assert dependent_difference(0.4, 0.4, 1.0, 50) == (0.0, 1.0)
    assert dependent_difference(0.5, 0.3, 0.8, 200).z == pytest.approx(-dependent_difference(0.3, 0.5, 0.8, 200).z)


def test_bootstrap_covers_the_truth():
    """Intervals of the correlation and of the lead of a better score over a worse one."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        measured = rng.normal(size=80)
        a = 0.6 * measured + 0.8 * rng.normal(size=80)
        low, high = bootstrap_interval(Coefficient.pearson, a, measured, resamples=200)
        covered += low < 0.6 < high
    assert covered >= 50
    measured = rng.normal(size=300)
    good, bad = measured + 0.3 * rng.normal(size=300), measured + 3 * rng.normal(size=300)
    low, high = bootstrap_interval(Coefficient.spearman, good, measured, bad, resamples=200)
    assert 0 < low < high < 1


def test_bins():
    measured = np.array([0.0, 0.1, 0.19, 0.2, 0.5, 1.0, 1.0, 0.9])
    found = correlation_by_bin(Coefficient.spearman, np.arange(8.0), measured, np.linspace(0, 1, 6))
    assert [rows for rows, _ in found] == [3, 1, 1, 0, 3]
    assert found[0][1].coefficient == pytest.approx(1)
    assert np.isnan(found[1][1].coefficient)
