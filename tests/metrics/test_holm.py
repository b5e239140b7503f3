"""Holm's correction against its definition."""

import numpy as np

from jzsl.metrics.holm import holm


def by_definition(p: list[float]) -> list[float]:
    """The smallest level at which the step-down procedure rejects each hypothesis, by trying all levels."""
    levels, rejected = np.linspace(0, 1, 20001), []
    order = np.argsort(p)
    for hypothesis in range(len(p)):
        for level in levels:
            accepted = set(range(len(p)))
            for step, index in enumerate(order):
                if p[index] > level / (len(p) - step):
                    break
                accepted.remove(index)
            if hypothesis not in accepted:
                rejected.append(level)
                break
        else:
            rejected.append(1.0)
    return rejected


def test_against_the_step_down_procedure():
    for p in ([0.01, 0.04, 0.03, 0.005], [0.2, 0.9, 0.5], [0.3], [0.02, 0.02]):
        np.testing.assert_allclose(holm(p), by_definition(p), atol=1e-4)


def test_a_single_p_value_stays():
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
