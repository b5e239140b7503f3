"""Points on two moons: their distance from the half circles, their test samples."""

import numpy as np

from jzsl.data.locate import locate
from jzsl.data.two_moons import TwoMoons


def test_points_without_noise_lie_on_two_half_circles():
    problem = TwoMoons(50, noise=0.0).load()
    centres = np.array([[0.0, 0.0], [1.0, 0.5]])[problem.labels]
    np.testing.assert_allclose(np.linalg.norm(problem.samples - centres, axis=1), 1, atol=1e-6)
    height = problem.samples[:, 1] - centres[:, 1]
    assert height[problem.labels == 0].min() > -1e-6
    assert height[problem.labels == 1].max() < 1e-6


def test_a_fifth_of_each_moon_is_for_tests():
    problem = locate("two_moons").load()
    assert np.bincount(problem.labels[problem.splits.test_seen]).tolist() == [30, 30]
    assert len(np.intersect1d(problem.splits.train, problem.splits.test_seen)) == 0
    assert len(problem.splits.train) == 240
