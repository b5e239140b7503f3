"""Augmentations of vectors: the size of the noise, the share of dropped entries, the same mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.entry_dropout import EntryDropout
from jzsl.training.augment.noise import GaussianNoise


def test_noise_has_its_deviation_on_each_entry():
    x = jnp.ones((200, 50))
    change = np.asarray(GaussianNoise(0.3).build()(jax.random.key(0), x)) - 1
    assert change.std() == pytest.approx(0.3, rel=0.02)
    assert abs(change.mean()) < 0.01
    assert len(np.unique(change)) > 9000


def test_dropped_entries_are_zero_and_the_mean_stays():
    x = jnp.full((200, 50), 2.0)
    dropped = np.asarray(EntryDropout(0.2).build()(jax.random.key(0), x))
    assert set(np.unique(dropped).round(4)) == {0.0, 2.5}
    assert np.mean(dropped == 0) == pytest.approx(0.2, abs=0.02)


def test_several_change_vectors_one_after_another():
    x = jnp.ones((4, 6))
    both = Sequence((GaussianNoise(0.0), EntryDropout(0.5))).build()(jax.random.key(0), x)
    assert set(np.unique(both)) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("field", "make"), [("scale", lambda: GaussianNoise(-1.0)), ("rate", lambda: EntryDropout(1.0))]
)
def test_bad_settings_are_refused_by_name(field, make):
    with pytest.raises(InputError, match=f"{field}: "):
        make()
