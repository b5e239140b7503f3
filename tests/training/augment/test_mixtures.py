"""MixUp, CutMix and RICAP: pixel by pixel against loops in NumPy, shares against the pixels counted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jzsl.errors import InputError
from jzsl.training.augment.cutmix import CutMix
from jzsl.training.augment.mixture import partners, unmixed
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.ricap import RICAP

ALL = (MixUp(), CutMix(), RICAP(beta=1.0), RICAP(beta=1.0, keep_large=True))


def coded(count: int, height: int = 6, width: int = 7) -> np.ndarray:
    """Images whose pixels say their image, row and column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.stack([np.full_like(rows, i), rows, columns], -1) for i in range(count)]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 10**6))
def test_partners_permute_the_valid_samples_among_themselves(valid, seed):
    valid = np.array(valid, np.float32)
    found = np.asarray(partners(jax.random.key(seed), jnp.asarray(valid)))
    np.testing.assert_array_equal(np.sort(found), np.arange(len(valid)))
    np.testing.assert_array_equal(valid[found], valid)


def test_an_unmixed_image_is_its_own_source():
    images = jnp.asarray(coded(3))
    mixture = unmixed(images)
    np.testing.assert_array_equal(mixture.images, images)
    np.testing.assert_array_equal(mixture.sources, [[0, 1, 2]])
    np.testing.assert_array_equal(mixture.mixed(jnp.arange(3.0)), [0, 1, 2])


def test_partners_are_uniform():
    found = jax.vmap(lambda key: partners(key, jnp.array([1.0, 0, 1, 1])))(jax.random.split(jax.random.key(0), 3000))
    for position in (0, 2, 3):
        share = np.bincount(found[:, position], minlength=4) / 3000
        np.testing.assert_allclose(share, [1 / 3, 0, 1 / 3, 1 / 3], atol=5 * np.sqrt(2 / 9 / 3000))


@pytest.mark.parametrize("config", ALL)
def test_padding_enters_no_valid_image(config):
    images = jnp.asarray(coded(6)).at[4:].set(jnp.nan)
    mix = jax.jit(config.build())
    for seed in range(5):
        mixture = mix(jax.random.key(seed), images, jnp.array([1.0, 1, 1, 1, 0, 0]))
        assert np.isfinite(np.asarray(mixture.images[:4])).all()
        np.testing.assert_allclose(mixture.shares.sum(0), 1, rtol=1e-6)


def test_mixup_is_the_convex_combination():
    images = np.random.default_rng(0).uniform(size=(5, 3, 3, 1)).astype(np.float32)
    mixture = MixUp(0.3).build()(jax.random.key(2), jnp.asarray(images), jnp.ones(5))
    np.testing.assert_allclose(mixture.images, mixture.mixed(jnp.asarray(images)), rtol=1e-5)
    assert np.unique(mixture.shares).size == 2


@pytest.mark.parametrize("config", ALL[1:])
def test_every_pixel_comes_from_a_source_as_often_as_the_shares_say(config):
    count, mix = 5, jax.jit(config.build())
    for seed in range(8):
        mixture = mix(jax.random.key(seed), jnp.asarray(coded(count)), jnp.ones(count))
        source = np.asarray(mixture.images)[..., 0].astype(int)
        labels = np.asarray(mixture.mixed(jnp.eye(count)))
        for image in range(count):
            counted = np.bincount(source[image].ravel(), minlength=count) / source[image].size
            np.testing.assert_allclose(labels[image], counted, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_cutmix_takes_pixels_from_the_same_place_of_one_box(seed):
    original = coded(9, 8, 8)
    mixture = CutMix().build()(jax.random.key(seed), jnp.asarray(original), jnp.ones(9))
    images = np.asarray(mixture.images)
    np.testing.assert_array_equal(images[..., 1:], original[..., 1:])
    partner = np.asarray(mixture.sources[1])
    changed = [i for i in range(9) if partner[i] != i]
    boxes = {tuple(map(tuple, images[i, :, :, 0] == partner[i])) for i in changed}
    assert len(boxes) == 1
    inside = np.array(boxes.pop())
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert inside.sum() == len(rows) * len(columns)
    assert inside.sum() == 0 or (np.ptp(rows) < len(rows) and np.ptp(columns) < len(columns))


def is_piece(part: np.ndarray) -> bool:
    """Whether a part is one piece of one of the coded images."""
    return (
        len(np.unique(part[..., 0])) <= 1
        and bool((np.diff(part[..., 1], axis=0) == 1).all() and (np.diff(part[..., 2], axis=1) == 1).all())
        and bool((np.diff(part[..., 1], axis=1) == 0).all() and (np.diff(part[..., 2], axis=0) == 0).all())
    )


def test_ricap_is_four_crops_around_one_point():
    mix = jax.jit(RICAP(beta=2.0).build())
    points = set()
    for seed in range(6):
        images = np.asarray(mix(jax.random.key(seed), jnp.asarray(coded(6, 8, 9)), jnp.ones(6)).images)
        fitting = {
            (h, w)
            for h in range(9)
            for w in range(10)
            if all(is_piece(p) for i in images for p in (i[:h, :w], i[:h, w:], i[h:, :w], i[h:, w:]))
        }
        assert fitting
        points |= fitting
    assert len(points) > 3


def test_large_parts_stay_with_their_sample():
    mixture = RICAP(beta=2.0, keep_large=True).build()(jax.random.key(0), jnp.asarray(coded(16)), jnp.ones(16))
    large = np.asarray(mixture.shares[:, 0]) > 0.25
    assert large.any()
    for part in range(4):
        own = (np.asarray(mixture.sources[part]) == np.arange(16)).all()
        assert own == large[part]


def test_bad_fields_are_named():
    for make, field in ((lambda: MixUp(0.0), "alpha"), (lambda: CutMix(-1.0), "alpha"), (lambda: RICAP(0.0), "beta")):
        with pytest.raises(InputError, match=f"{field}: "):
            make()


def test_crops_of_ricap_lie_anywhere_in_the_image():
    """Pixels are their row's number. Row 1 ends the upper parts of two rows, which begin in row 0, 1 or 2."""
    images = jnp.broadcast_to(jnp.arange(4.0)[None, :, None, None], (1, 4, 4, 1))
    mix = RICAP(50.0).build()
    composed = jax.jit(jax.vmap(lambda key: mix(key, images, jnp.ones(1)).images))(
        jax.random.split(jax.random.key(0), 300)
    )
    assert set(np.unique(composed[:, 0, 1, 0, 0])) == {0, 1, 2, 3}
