"""The choice of a length from a validation curve: simulated curves whose best length is known."""

import numpy as np
import pytest

from jzsl.driver.choice import choose, moving_average, noise, settled

EPOCHS = np.arange(1, 51)
FLAT, PEAK, RISE = 0.0 * EPOCHS, -8 * np.log(EPOCHS / 20) ** 2, 10 * np.log(EPOCHS)


def choices(curve, deviation, seeds=1, runs=100):
    """Of noisy copies of a curve."""
    random = np.random.default_rng(0)
    return [choose(curve + deviation * random.standard_normal((seeds, len(curve)))) for _ in range(runs)]


def test_a_flat_noisy_curve_chooses_the_first_epochs():
    chosen = [choice.chosen + 1 for choice in choices(FLAT, 2.0)]
    argmax = [choice.smoothed.argmax() + 1 for choice in choices(FLAT, 2.0)]
    assert np.percentile(chosen, 90) <= 5
    assert np.mean(chosen) < np.mean(argmax)


def test_a_peak_is_chosen_near_and_before_its_top():
    chosen = np.array([choice.chosen + 1 for choice in choices(PEAK, 1.0)])
    assert np.all((chosen >= 10) & (chosen <= 24))
    assert np.median(chosen) <= 20
    assert np.mean(PEAK[chosen - 1]) > -1.0  # within one standard deviation of one evaluation


def test_a_monotone_curve_is_chosen_late():
    assert min(choice.chosen + 1 for choice in choices(RISE, 0.5)) >= 45


def test_more_seeds_move_the_choice_to_the_top():
    """With less noise the range within one standard error is narrower."""
    one, many = (choices(PEAK, 3.0, seeds) for seeds in (1, 25))
    widths = [np.mean([choice.last - choice.chosen for choice in each]) for each in (one, many)]
    losses = [np.mean([PEAK.max() - PEAK[choice.chosen] for choice in each]) for each in (one, many)]
    assert widths[1] < widths[0]
    assert losses[1] < losses[0] / 2


def test_the_error_is_that_of_the_difference_of_smoothed_values():
    """Against its standard deviation over many curves of noise, between two epochs that are given."""
    random = np.random.default_rng(1)
    smoothed = np.array([moving_average(50) @ random.standard_normal(50) for _ in range(4000)])
    choice = choose(PEAK[None])
    row = moving_average(50)
    for epoch in (0, 9, 17, 30, 49):
        expected = np.linalg.norm(row[epoch] - row[choice.best])
        assert np.std(smoothed[:, epoch] - smoothed[:, choice.best]) == pytest.approx(expected, rel=0.05, abs=1e-12)
    noisy = choices(PEAK, 2.0, runs=1)[0]
    assert noisy.error[noisy.best] == 0
    assert noisy.error / np.linalg.norm(row - row[noisy.best], axis=1).clip(1e-9) == pytest.approx(
        np.where(noisy.error > 0, noisy.error[0] / np.linalg.norm(row[0] - row[noisy.best]), 0)
    )


def test_noise_is_that_of_one_evaluation_whatever_the_curve():
    random = np.random.default_rng(2)
    for curve in (FLAT, PEAK, 100 * (1 - np.exp(-EPOCHS))):
        estimates = [noise(curve + 1.5 * random.standard_normal(50)) for _ in range(300)]
        assert np.mean(estimates) == pytest.approx(1.5, rel=0.1)
    assert noise(np.array([1.0, 5.0])) == 0
    assert noise(3.0 + 2.0 * EPOCHS) == pytest.approx(0)


def test_the_smoother_averages_a_window_around_each_epoch():
    curve = np.random.default_rng(3).random(23)
    for number, value in enumerate(moving_average(23) @ curve, 1):
        half = number // 4
        assert value == pytest.approx(np.mean(curve[number - 1 - half : number + half]))


def test_a_short_curve_and_early_evaluations_that_are_no_candidates():
    assert choose(np.array([[7.0]])).chosen == 0
    assert choose(np.array([[1.0, 2.0]])).chosen == 1
    falling = 50.0 - EPOCHS[None]
    assert choose(falling).chosen == 0
    assert choose(falling, 11)[:3] == (11, 11, 11)
    assert choose(falling[:, :5], 11).chosen == 4


def test_patience_ends_a_flat_curve_soon_and_a_rising_one_never():
    random = np.random.default_rng(4)

    def stop(curve, patience, first=0):
        return next((n for n in range(1, 51) if settled(curve[:n], patience, first)), 99)

    flat = [stop(FLAT + random.standard_normal(50), 8) for _ in range(50)]
    assert np.median(flat) <= 12
    assert min(flat) >= 9
    assert stop(RISE, 8) == 99
    assert stop(-RISE, 8) == 9
    assert stop(-RISE, 8, first=11) == 20
