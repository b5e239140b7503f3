"""Crops, flips, turns, translations, cutout: every result is found among those that NumPy or Pillow makes."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from jzsl.errors import InputError
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop, ReflectedTranslation
from jzsl.training.augment.cutout import Cutout
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.augment.normalise import Normalise
from jzsl.training.augment.on_white import OnWhite
from jzsl.training.augment.random_rotation import RandomRotation, rotated
from jzsl.training.augment.resized_crop import RandomResizedCrop, resized
from jzsl.training.augment.rotation import four_turns, turned

KEY = jax.random.key(3)


@pytest.fixture
def image(random) -> np.ndarray:
    """An image whose pixels all differ."""
    return random.permutation(6 * 5 * 2).reshape(6, 5, 2).astype(np.float32) + 1


def copies(image: np.ndarray, count: int) -> jax.Array:
    return jnp.asarray(np.tile(image, (count, 1, 1, 1)))


def shares(results, expected: list[np.ndarray]) -> np.ndarray:
    """How large a share of the results equals each of the expected images; each must equal one of them."""
    equal = np.array([[np.array_equal(result, one) for one in expected] for result in np.asarray(results)])
    assert (equal.sum(1) == 1).all()
    return equal.mean(0)


@pytest.mark.parametrize(("config", "mode"), [(PaddedCrop(1), "constant"), (ReflectedTranslation(1), "reflect")])
def test_shifts_are_uniform_among_those_of_the_padded_image(image, config, mode):
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode)
    expected = [padded[i : i + 6, j : j + 5] for i, j in itertools.product(range(3), range(3))]
    found = shares(jax.jit(config.build())(KEY, copies(image, 900)), expected)
    np.testing.assert_allclose(found, 1 / 9, atol=5 * np.sqrt(1 / 9 / 900))


def test_flips_have_their_probability(image):
    found = shares(RandomFlip(0.25).build()(KEY, copies(image, 800)), [image, np.fliplr(image)])
    np.testing.assert_allclose(found, [0.75, 0.25], atol=5 * np.sqrt(3 / 16 / 800))
    assert shares(RandomFlip(1.0).build()(KEY, copies(image, 5)), [image, np.fliplr(image)])[1] == 1


def test_turns_are_those_of_numpy(random):
    images = random.integers(0, 256, (3, 4, 4, 2)).astype(np.uint8)
    turned_four, turns = jax.jit(four_turns)(images)
    assert turned_four.dtype == np.uint8
    np.testing.assert_array_equal(turns, np.repeat(np.arange(4), 3))
    for position, turn in enumerate(np.asarray(turns)):
        np.testing.assert_array_equal(turned_four[position], np.rot90(images[position % 3], turn))
    np.testing.assert_array_equal(
        turned(turned(jnp.asarray(images), jnp.array([1, 2, 3])), jnp.array([3, 2, 1])), images
    )
    with pytest.raises(ValueError, match="square"):
        turned(jnp.zeros((1, 3, 4, 1)), jnp.array([1]))


def test_a_square_is_cut_out_around_every_pixel_alike(image):
    def cut(row, column):
        result = image.copy()
        result[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 0
        return result

    expected = [cut(row, column) for row, column in itertools.product(range(6), range(5))]
    found = shares(jax.jit(Cutout(3).build())(KEY, copies(image, 3000)), expected)
    np.testing.assert_allclose(found, 1 / 30, atol=5 * np.sqrt(1 / 30 / 3000))


@pytest.mark.parametrize("box", [(0, 0, 24, 20), (3, 2, 12, 10), (1.5, 4.25, 20.5, 9.75), (8, 8, 4, 5)])
@pytest.mark.parametrize("size", [(12, 12), (24, 20), (31, 9)])
def test_resizing_is_that_of_pillow(random, box, size):
    image = random.uniform(size=(24, 20)).astype(np.float32)
    top, left, height, width = box
    result = resized(jnp.asarray(image)[None, :, :, None], jnp.array([box], jnp.float32), size)[0, :, :, 0]
    corners = (left, top, left + width, top + height)
    expected = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR, box=corners)
    np.testing.assert_allclose(result, np.asarray(expected), atol=2e-5)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 0.9), st.floats(0.3, 1.0), st.integers(0, 10**6))
def test_boxes_lie_in_the_image_and_have_the_share_and_the_aspect(least, narrow, seed):
    config = RandomResizedCrop((least, 1.0), (narrow, 1 / narrow))
    boxes = jax.vmap(lambda key: config.box(key, 40, 30))(jax.random.split(jax.random.key(seed), 20))
    top, left, height, width = np.asarray(boxes).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 40 + 1e-3).all()
    assert (left + width <= 30 + 1e-3).all()
    whole = (height == 40) & (width == 30)
    share, aspect = (height * width / 1200)[~whole], (width / height)[~whole]
    assert (share >= least - 1e-4).all()
    assert ((aspect >= narrow - 1e-4) & (aspect <= 1 / narrow + 1e-4)).all()


def test_resized_crops_are_those_of_the_boxes():
    """Of an image whose pixels are their row, a crop is a ramp from the top to the bottom of its box."""
    config = RandomResizedCrop((0.2, 0.5), size=(16, 16))
    image = jnp.broadcast_to(jnp.arange(64.0)[:, None, None], (64, 64, 1))
    results = jax.jit(config.build())(KEY, jnp.tile(image, (20, 1, 1, 1)))
    boxes = np.array([config.box(key, 64, 64) for key in jax.random.split(KEY, 20)])
    middle = boxes[:, 0] + boxes[:, 2] / 2 - 0.5
    np.testing.assert_allclose(np.asarray(results)[:, 7:9].mean((1, 2, 3)), middle, atol=0.2)
    steps = np.diff(np.asarray(results)[:, 2:-2, 8, 0], axis=1).mean(1)
    np.testing.assert_allclose(steps, boxes[:, 2] / 16, rtol=0.05)


@pytest.mark.parametrize("degrees", [0.0, 17.0, -68.0, 90.0])
def test_rotations_are_those_of_scipy(image, degrees):
    ours = rotated(jnp.asarray(image)[None], jnp.deg2rad(jnp.array([degrees])))[0]
    expected = ndimage.rotate(image, degrees, reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_angles_of_rotations_are_uniform_in_both_directions():
    """A dot on the horizontal axis through the centre is found again at its angle, to half a pixel in 20."""
    image = np.zeros((41, 41, 1), np.float32)
    image[20, 40] = 1
    dots = np.asarray(jax.jit(RandomRotation(40).build())(KEY, copies(image, 500)))[..., 0]
    rows, columns = np.mgrid[:41, :41] - 20
    angles = np.rad2deg(np.arctan2(-(dots * rows).sum((1, 2)), (dots * columns).sum((1, 2))))
    assert np.abs(angles).max() < 41.5
    assert np.abs(np.quantile(angles, [0.25, 0.5, 0.75]) - [-20, 0, 20]).max() < 5 * 40 / np.sqrt(500)


def test_on_white_paper_what_comes_from_outside_is_white(random):
    images = jnp.asarray(random.uniform(0.2, 0.8, size=(3, 6, 5, 2)), jnp.float32)
    crops = jax.jit(OnWhite(PaddedCrop(2)).build())(KEY, images)
    black = jax.jit(PaddedCrop(2).build())(KEY, images)
    np.testing.assert_allclose(crops, jnp.where(black == 0, 1.0, black), atol=1e-6)
    assert np.any(np.asarray(black) == 0)


def test_a_sequence_gives_each_part_its_own_key_and_compiles(image):
    flip = RandomFlip()
    both = jax.jit(Sequence((flip, flip, Normalise((1.0, 2.0), (2.0, 4.0)))).build())(KEY, copies(image, 400))
    raw = np.asarray(both) * [2, 4] + [1, 2]
    assert 0.35 < shares(raw, [image, np.fliplr(image)])[0] < 0.65  # with one key for both it would be 1
    np.testing.assert_array_equal(Sequence().build()(KEY, copies(image, 2)), copies(image, 2))


def test_images_are_changed_each_on_their_own(random):
    """A minibatch's image depends on no other image of it."""
    images = jnp.asarray(random.uniform(size=(4, 8, 8, 3)), jnp.float32)
    other = images.at[1:].set(0)
    for config in (
        PaddedCrop(),
        ReflectedTranslation(),
        RandomFlip(),
        RandomResizedCrop(),
        RandomRotation(),
        Cutout(4),
    ):
        augment = jax.jit(config.build())
        one = augment(KEY, images)
        np.testing.assert_array_equal(one[0], augment(KEY, other)[0])
        assert np.any(np.asarray(augment(jax.random.key(4), images)) != one)


def test_bad_fields_are_named():
    for make, field in (
        (lambda: PaddedCrop(-1), "padding"),
        (lambda: ReflectedTranslation(-1), "most"),
        (lambda: RandomFlip(1.5), "probability"),
        (lambda: RandomResizedCrop((0.5, 0.2)), "area"),
        (lambda: RandomResizedCrop(aspect=(0.0, 1.0)), "aspect"),
        (lambda: RandomRotation(200), "degrees"),
        (lambda: Cutout(0), "size"),
        (lambda: Normalise(std=(0.0,)), "std"),
    ):
        with pytest.raises(InputError, match=f"{field}: "):
            make()
