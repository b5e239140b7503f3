"""Colours and blur against Pillow, colorsys, SciPy and worked cases."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image, ImageEnhance

from jzsl.errors import InputError
from jzsl.training.augment.blur import GaussianBlur, blurred
from jzsl.training.augment.colour import (
    ColourJitter,
    brightened,
    contrasted,
    hue_shifted,
    saturated,
)
from jzsl.training.augment.grey import RandomGrey, luminance

KEY = jax.random.key(1)


@pytest.fixture
def pixels(random) -> np.ndarray:
    return random.integers(0, 256, (9, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (brightened, ImageEnhance.Brightness),
        (contrasted, ImageEnhance.Contrast),
        (saturated, ImageEnhance.Color),
    ],
)
def test_factors_are_those_of_pillow(pixels, factor, ours, theirs):
    result = ours(jnp.asarray(pixels, jnp.float32)[None] / 255, jnp.array([factor]))[0]
    expected = np.asarray(theirs(Image.fromarray(pixels)).enhance(factor), np.float32) / 255
    np.testing.assert_allclose(result, expected, atol=2.5 / 255)  # Pillow rounds twice


@pytest.mark.parametrize("shift", [0.0, 0.25, -0.4])
def test_hues_are_those_of_colorsys(random, shift):
    pixels = random.uniform(size=(4, 5, 3))
    pixels[0, 0] = 0.5  # grey has no hue
    pixels[0, 1] = [0.2, 0.2, 0.7]
    pixels[0, 2] = [0.7, 0.7, 0.2]

    def shifted(pixel):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb((hue + shift) % 1, saturation, value)

    expected = np.array([[shifted(pixel) for pixel in row] for row in pixels])
    np.testing.assert_allclose(hue_shifted(jnp.asarray(pixels)[None], jnp.array([shift]))[0], expected, atol=1e-5)


def test_jitter_without_strength_changes_nothing_and_stays_in_range(pixels):
    images = jnp.tile(jnp.asarray(pixels, jnp.float32)[None] / 255, (16, 1, 1, 1))
    np.testing.assert_allclose(jax.jit(ColourJitter(0, 0, 0, 0).build())(KEY, images), images, atol=1e-5)
    changed = np.asarray(jax.jit(ColourJitter(0.9, 0.9, 0.9, 0.5).build())(KEY, images))
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert len(np.unique(changed[:, 0, 0, 0])) > 8  # a factor for each image


def test_jitter_of_one_kind_is_that_change_with_factors_in_range():
    image = jnp.full((200, 2, 2, 3), 0.4)
    means = np.asarray(ColourJitter(0.5, 0, 0, 0).build()(KEY, image)).mean((1, 2, 3)) / 0.4
    assert means.min() >= 0.5 - 1e-5
    assert means.max() <= 1.5 + 1e-5
    assert abs(means.mean() - 1) < 5 * 0.5 / np.sqrt(3 * 200)


def test_grey_is_that_of_pillow_with_its_probability(pixels):
    images = jnp.tile(jnp.asarray(pixels, jnp.float32)[None] / 255, (600, 1, 1, 1))
    results = np.asarray(jax.jit(RandomGrey(0.3).build())(KEY, images))
    grey = (results == results[..., :1]).all((1, 2, 3))
    assert abs(grey.mean() - 0.3) < 5 * np.sqrt(0.21 / 600)
    expected = np.asarray(Image.fromarray(pixels).convert("L"), np.float32) / 255
    np.testing.assert_allclose(results[grey][0, :, :, 0], expected, atol=1 / 255)
    np.testing.assert_array_equal(results[~grey][0], images[0])
    assert luminance(jnp.ones((1, 1, 1, 3)))[0, 0, 0, 0] == pytest.approx(1)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
def test_blur_is_that_of_scipy(random, sigma):
    images = random.uniform(size=(2, 9, 8, 3))
    result = blurred(jnp.asarray(images, jnp.float32), jnp.array([sigma, sigma]), 5)
    expected = scipy.ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="mirror", truncate=2 / sigma)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_blur_keeps_constants_and_draws_a_width_for_each_image(random):
    augment = jax.jit(GaussianBlur(5, (0.5, 2.0)).build())
    np.testing.assert_allclose(augment(KEY, jnp.full((3, 8, 8, 1), 0.7)), 0.7, rtol=1e-5)
    spike = jnp.zeros((6, 9, 9, 1)).at[:, 4, 4].set(1)
    peaks = np.asarray(augment(KEY, spike))[:, 4, 4, 0]
    assert len(np.unique(peaks)) == 6


def test_bad_fields_are_named():
    for make, field in (
        (lambda: ColourJitter(hue=0.6), "hue"),
        (lambda: ColourJitter(brightness=1.2), "brightness"),
        (lambda: RandomGrey(-0.1), "probability"),
        (lambda: GaussianBlur(4), "size"),
        (lambda: GaussianBlur(3, (0.0, 1.0)), "sigma"),
    ):
        with pytest.raises(InputError, match=f"{field}: "):
            make()


def test_images_of_one_channel_have_brightness_and_contrast_alone(random):
    """As the same picture in three equal channels."""
    images = jnp.asarray(random.uniform(size=(4, 6, 5, 1)), jnp.float32)
    tripled = jnp.tile(images, (1, 1, 1, 3))
    jitter = ColourJitter().build()
    np.testing.assert_allclose(jitter(KEY, images), jitter(KEY, tripled)[..., :1], atol=1e-5)
    np.testing.assert_array_equal(RandomGrey(1.0).build()(KEY, images), images)


def test_images_of_two_channels_have_no_colours():
    with pytest.raises(InputError, match="images of 2 channels found"):
        RandomGrey().build()(KEY, jnp.zeros((1, 2, 2, 2)))
