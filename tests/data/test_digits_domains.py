"""Digits in four domains: what each does to its images, and who is left out."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jzsl.data.digits_domains import DOMAINS, DigitsDomains
from jzsl.data.locate import locate
from jzsl.errors import InputError


def test_domains_change_images_as_they_say():
    problem = DigitsDomains(contrast=0.5).load()
    assert problem.domains is not None
    clean = load_digits(return_X_y=True)[0].reshape(-1, 8, 8) / 16
    pixels = problem.samples[..., 0] / 255
    of = {name: problem.domains == number for number, name in enumerate(DOMAINS)}
    np.testing.assert_allclose(pixels[of["clean"]], clean[of["clean"]], atol=0.002)
    np.testing.assert_allclose(pixels[of["faded"]], clean[of["faded"]] / 2 + 0.25, atol=0.002)
    moved = pixels[of["noisy"]] - clean[of["noisy"]]
    inner = (pixels[of["noisy"]] > 0) & (pixels[of["noisy"]] < 1)
    assert 0.1 < moved[inner].std() < 0.25  # the noise is clipped to [0, 1]
    turned = np.abs(pixels[of["turned"]] - clean[of["turned"]]).mean()
    assert 0.05 < turned < 0.3
    assert np.ptp(np.bincount(problem.domains)) <= 1
    for members in of.values():
        assert set(problem.labels[members]) == set(range(10))


def test_a_target_is_tested_on_and_not_trained_on():
    problem = DigitsDomains("turned").load()
    assert problem.domains is not None
    assert set(problem.domains[problem.splits.test_seen]) == {DOMAINS.index("turned")}
    assert DOMAINS.index("turned") not in problem.domains[problem.splits.train]
    with pytest.raises(InputError, match="target: 'upright' found, expected one of 'clean', 'faded'"):
        DigitsDomains("upright").load()
    assert locate("digits_domains") == DigitsDomains()
