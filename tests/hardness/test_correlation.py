"""Correlations against hand computation and the AVH paper's table 2; tests of differences by simulation."""

import numpy as np
import pytest
from scipy import stats

from jzsl.hardness.correlation import (
    Coefficient,
    bootstrap_interval,
    correlation,
    correlation_by_bin,
    dependent_difference,
    fisher_z,
    independent_difference,
    no_correlation,
)


def test_coefficients_by_hand():
    a, b = np.array([1.0, 2, 3, 5]), np.array([1.0, 3, 2, 9])
    assert correlation(Coefficient.pearson, a, b).coefficient == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert correlation(Coefficient.spearman, a, b).coefficient == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert correlation(Coefficient.kendall, a, b).coefficient == pytest.approx((5 - 1) / 6)
    assert np.isnan(correlation(Coefficient.spearman, a, np.ones(4))).all()


def test_none_is_rejected_as_often_as_the_level_says():
    """Unrelated variables: SciPy's p, and a uniform one."""
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, 60)) for _ in range(1000)]
    of_pairs = [correlation(Coefficient.spearman, *pair) for pair in pairs]
    p = np.array([no_correlation(of_pair.coefficient, 60).p for of_pair in of_pairs])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    np.testing.assert_allclose(p, [of_pair.p for of_pair in of_pairs], atol=0.02)
    assert np.isnan(no_correlation(0.5, 3).p)
    assert np.isnan(no_correlation(float("nan"), 60).p)


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


@pytest.mark.parametrize("noise", [0.2, 0.35, 1.0])
def test_dependent_test_on_ranks_by_simulation(noise):
    """Two scores equally good at one hardness, by Spearman's coefficient: no more than 5 % of the tests reject at 5 %.

    Pearson's variance rejects in 6 % and 9 %.
    """
    rng, samples, repeats = np.random.default_rng(0), 100, 6000
    measured, shared = rng.normal(size=(2, repeats, samples))
    scores = [measured + noise * (0.8 * shared + 0.6 * rng.normal(size=measured.shape)) for _ in range(2)]
    ranks = [np.asarray(stats.zscore(stats.rankdata(values, axis=1), axis=1)) for values in (measured, *scores)]
    r = [np.mean(ranks[i] * ranks[j], 1) for i, j in ((0, 1), (0, 2), (1, 2))]
    kind = Coefficient.spearman
    rejected = np.mean([dependent_difference(a, b, c, samples, kind).p < 0.05 for a, b, c in np.stack(r, 1).tolist()])
    assert 0.03 < rejected < 0.056


def test_what_the_dependent_test_cannot_say_is_undefined():
    assert dependent_difference(1, 1, 1, 50) == (0.0, 1.0)
    for first, second, between, samples in (
        (1, -1, -1, 50),
        (np.nan, 0.5, 0.2, 50),
        (0.5, 0.4, np.nan, 50),
        (0.5, 0.4, 0.2, 3),
    ):
        assert np.isnan(dependent_difference(first, second, between, samples)).all()
    assert np.isnan(independent_difference(0.5, 0.4, 3, 50)).all()
    with pytest.raises(ValueError, match="kendall"):
        dependent_difference(0.5, 0.4, 0.2, 50, Coefficient.kendall)


def test_an_interval_of_several_rows_is_that_of_their_mean():
    rng = np.random.default_rng(2)
    measured, a, b = rng.normal(size=(3, 2, 60))
    a, b = measured + a, measured + 2 * b
    low, high = bootstrap_interval(Coefficient.pearson, a, measured, b, resamples=300)
    mean = np.mean([np.corrcoef(a[i], measured[i])[0, 1] - np.corrcoef(b[i], measured[i])[0, 1] for i in range(2)])
    assert low < mean < high
    one = bootstrap_interval(Coefficient.pearson, a[0], measured[0], b[0], resamples=300)
    assert bootstrap_interval(Coefficient.pearson, a[[0, 0]], measured[[0, 0]], b[[0, 0]], resamples=300) == one


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
