"""Schedules of the learning rate against their closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.training.rates.constant import Constant
from jzsl.training.rates.cosine import Cosine
from jzsl.training.rates.ramp_up import RampUp
from jzsl.training.rates.step_decay import StepDecay


def test_steps_fall_at_the_first_step_of_their_epochs():
    """As in RotNet's code: divided by 5 at epochs 60, 120 and 160 of 200, here of seven steps each."""
    rate, steps = StepDecay().build(), 200 * 7
    for step in range(steps):
        falls = sum(step // 7 >= epoch for epoch in (60, 120, 160))
        assert float(rate(jnp.int32(step) / steps)) == pytest.approx(0.2**falls, rel=1e-6)


def test_steps_may_rise_and_may_be_none():
    rate = StepDecay((0.5,), 3.0).build()
    assert [float(rate(jnp.float32(t))) for t in (0, 0.49, 0.5, 0.99)] == [1, 1, 3, 3]
    assert float(StepDecay(()).build()(jnp.float32(0.9))) == 1


def test_half_a_cosine():
    rate = Cosine().build()
    assert [float(rate(jnp.float32(t))) for t in (0, 1 / 3, 1 / 2, 2 / 3)] == pytest.approx([1, 0.75, 0.5, 0.25])
    progress = np.linspace(0, 1, 101)
    np.testing.assert_allclose(rate(jnp.float32(progress)), (1 + np.cos(np.pi * progress)) / 2, atol=1e-6)


def test_a_constant_stays():
    assert [float(Constant().build()(jnp.float32(t))) for t in (0, 0.7)] == [1, 1]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: StepDecay((0.6, 0.3)), "at"),
        (lambda: StepDecay((0.3, 0.3)), "at"),
        (lambda: StepDecay((0.0, 0.3)), "at"),
        (lambda: StepDecay((60, 120)), "at"),
        (lambda: StepDecay(factor=0), "factor"),
        (lambda: RampUp(0), "length"),
    ],
)
def test_bad_steps_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=f"{field}: "):
        make()


def test_the_ramp_rises_to_one_and_stays():
    rate = RampUp(0.25).build()
    for t in (0, 0.1, 0.2, 0.25, 0.6):
        assert float(rate(jnp.float32(t))) == pytest.approx(np.exp(-5 * (1 - min(t / 0.25, 1)) ** 2), rel=1e-5)
