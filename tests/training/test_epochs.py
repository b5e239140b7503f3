"""Orders and loops of epochs: multiplicities exact, steps spent on rows in use only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jzsl.keys import stream
from jzsl.training.epochs import epoch_order, run_epochs


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 2**31 - 1))
def test_order_draws_each_row_as_often_as_its_multiplicity(w, seed):
    w = np.array(w, np.int32)
    w[np.cumsum(w) > len(w)] = 0
    order, used = jax.jit(epoch_order)(jax.random.key(seed), w)
    assert int(used) == w.sum()
    np.testing.assert_array_equal(np.bincount(order[: w.sum()], minlength=len(w)), w)


def test_orders_are_uniform():
    """Each of four draws (one row twice) comes first with its share, over 6,000 keys."""
    w = jnp.array([1, 0, 2, 1])
    orders, _ = jax.vmap(epoch_order, in_axes=(0, None))(jax.random.split(jax.random.key(0), 6000), w)
    share = np.bincount(orders[:, 0], minlength=4) / 6000
    np.testing.assert_allclose(share, np.array(w) / 4, atol=5 * np.sqrt(0.25 / 6000))


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("batch", [1, 4, 5, 7, 50])
def test_every_row_is_visited_once_an_epoch_and_no_step_is_wasted(batch, even):
    w = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], np.int32)

    def step(carry, key, rows, valid):
        visits, steps = carry
        return (visits.at[rows].add(valid), steps + 1), {"rows": jnp.sum(valid)}

    carry, metrics = jax.jit(run_epochs, static_argnums=(0, 6, 7))(
        step, (jnp.zeros(10), 0), jax.random.key(0), w, jnp.int32(2), 3, batch, even
    )
    np.testing.assert_array_equal(carry[0], 3 * w)
    steps = -(-7 // batch)
    assert int(carry[1]) == 3 * steps
    assert float(metrics["rows"]) == pytest.approx(7 / steps)


@pytest.mark.parametrize(("even", "sizes"), [(False, [5, 5, 5, 1]), (True, [4, 4, 4, 4])])
@pytest.mark.parametrize("absent", [0, 2, 3])
def test_evenly_divided_minibatches_differ_by_one_sample_at_most(even, sizes, absent):
    """In one program for all numbers of samples in use."""

    def step(carry, key, indices, valid):
        sizes, number = carry
        assert valid.shape == (5,)
        return (sizes.at[number].set(jnp.sum(valid)), number + 1), {}

    w = np.r_[np.ones(16 - absent, np.int32), np.zeros(absent, np.int32)]
    (counted, steps), _ = run_epochs(
        step, (jnp.zeros(4), 0), jax.random.key(0), jnp.asarray(w), jnp.int32(0), 1, 5, even
    )
    expected = {0: sizes, 2: [5, 5, 4], 3: [5, 4, 4] if even else [5, 5, 3]}[absent]
    assert counted[: int(steps)].tolist() == expected


@pytest.mark.parametrize("even", [False, True])
def test_no_rows_is_no_step(even):
    carry, metrics = run_epochs(
        lambda c, *_: (c + 1, {"loss": jnp.float32(1)}),
        0,
        jax.random.key(0),
        jnp.zeros(5, int),
        jnp.int32(0),
        3,
        2,
        even,
    )
    assert (int(carry), float(metrics["loss"])) == (0, 0.0)


def test_streams_differ_by_name_and_step_and_nothing_else():
    key = jax.random.key(3)
    drawn = {
        float(jax.random.uniform(stream(key, name, step))) for name in ("order", "noise") for step in (0, 1, 2)
    } | {float(jax.random.uniform(stream(jax.random.key(4), "order")))}
    assert len(drawn) == 7
    assert jax.random.uniform(stream(key, "order", 1)) == jax.random.uniform(stream(key, "order", jnp.int32(1)))
