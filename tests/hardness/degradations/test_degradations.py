"""Degradations: hand-worked cases, SciPy's filter, and what all of them have in common."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jzsl.hardness.degradations.blur import blur
from jzsl.hardness.degradations.contrast import contrast
from jzsl.hardness.degradations.degrade import LEVELS, Degrade, degraded
from jzsl.hardness.degradations.noise import noise
from jzsl.hardness.degradations.occlusion import occlusion

EVERY: dict[str, Degrade] = {"contrast": contrast, "blur": blur, "noise": noise, "occlusion": occlusion}
KEY = jax.random.key(3)


@pytest.fixture(params=EVERY.values(), ids=list(EVERY))
def degrade(request) -> Degrade:
    return request.param


@pytest.fixture
def images(random):
    return jnp.float32(random.uniform(size=(6, 12, 16, 3)))


def test_level_0_is_the_identity(degrade, images):
    np.testing.assert_array_equal(degrade(KEY, images, 0.0), images)
    np.testing.assert_array_equal(jax.jit(degrade)(KEY, images, jnp.float32(0)), images)


def test_a_higher_level_changes_more_and_stays_in_range(degrade, images):
    distances = []
    for level in LEVELS:
        changed = np.asarray(jax.jit(degrade)(KEY, images, level))
        assert changed.shape == images.shape
        assert changed.min() >= 0
        assert changed.max() <= 1
        distances.append(np.abs(changed - images).reshape(len(images), -1).mean(1))
    assert (np.diff(distances, axis=0) > 0).all()


def test_it_is_a_function_of_its_key(degrade, images):
    one, same, other = (np.asarray(degrade(jax.random.key(seed), images, 0.6)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any() == (degrade in (noise, occlusion))


def test_images_of_eight_bits_are_rounded(degrade, images):
    eight = jnp.rint(255 * images).astype(jnp.uint8)
    several = degraded(degrade, KEY, eight, 0.4)
    assert several.dtype == jnp.uint8
    expected = 255 * np.asarray(degrade(KEY, jnp.asarray(eight, jnp.float32) / 255, 0.4))
    np.testing.assert_allclose(several, expected, atol=0.51)
    np.testing.assert_array_equal(degraded(degrade, KEY, eight, 0.0), eight)


def test_contrast_moves_to_the_middle_grey():
    pixels = jnp.array([0.0, 0.25, 0.5, 1.0]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(contrast(KEY, pixels, 1.0).ravel(), [0.475, 0.4875, 0.5, 0.525], atol=1e-6)
    np.testing.assert_allclose(contrast(KEY, pixels, 0.4).ravel(), [0.19, 0.345, 0.5, 0.81], atol=1e-6)


@pytest.mark.parametrize("level", [0.3, 1.0])
def test_blur_is_scipys_gaussian_filter(images, level):
    sigma = level * 12 / 8
    expected = gaussian_filter(np.asarray(images, np.float64), (0, sigma, sigma, 0), mode="reflect", truncate=9)
    np.testing.assert_allclose(blur(KEY, images, level), expected, atol=1e-5)


def test_noise_is_uniform_and_grey():
    grey = jnp.full((1, 100, 100, 3), 0.5)
    changed = np.asarray(noise(KEY, grey, 0.4)) - 0.5
    np.testing.assert_array_equal(changed[..., 0], changed[..., 2])
    assert changed.std() == pytest.approx(0.4 / np.sqrt(3), rel=0.02)
    assert np.abs(changed).max() == pytest.approx(0.4, abs=1e-3)
    assert set(np.unique(noise(KEY, jnp.zeros((1, 9, 9, 1)), 1.0))) > {0.0}


def test_occlusion_hides_one_rectangle_that_grows(images):
    before = np.zeros(images.shape[:3], bool)
    for level, sides in zip(LEVELS, ((2, 3), (4, 6), (6, 9), (9, 12), (11, 14)), strict=True):
        hidden = (np.asarray(occlusion(KEY, images + 2, level)) == 0.5).all(3)  # no pixel is grey but by occlusion
        for of_image in hidden:
            rows, columns = np.flatnonzero(of_image.any(1)), np.flatnonzero(of_image.any(0))
            assert (len(rows), len(columns)) == (np.ptp(rows) + 1, np.ptp(columns) + 1) == sides
            assert of_image.sum() == sides[0] * sides[1]
        assert (hidden | ~before).all()  # what was hidden stays hidden
        before = hidden


def test_occlusion_reaches_every_pixel_equally_often():
    """Of 2 of 3 columns the middle one is always hidden, the outer ones half the time."""
    hidden = np.asarray(occlusion(KEY, jnp.ones((4000, 3, 3, 1)), 2 / 3 / 0.9))[:, 1, :, 0] == 0.5
    np.testing.assert_allclose(hidden.mean(0), [0.5, 1, 0.5], atol=0.03)
