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


@pytest.mark.parametrize("batch", [1, 4, 7, 50])
def test_every_row_is_visited_once_an_epoch_and_no_step_is_wasted(batch):
    w = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], np.int32)

    def step(carry, key, rows, valid):
        visits, steps = carry
        return (visits.at[rows].add(valid), steps + 1), {"rows": jnp.sum(valid)}

    carry, metrics = jax.jit(run_epochs, static_argnums=(0, 6))(
        step, (jnp.zeros(10), 0), jax.random.key(0), w, jnp.int32(2), 3, batch
    )
    np.testing.assert_array_equal(carry[0], 3 * w)
    steps = -(-7 // batch)
    assert int(carry[1]) == 3 * steps
    assert float(metrics["rows"]) == pytest.approx(7 / steps)


def test_no_rows_is_no_step():
    carry, metrics = run_epochs(
        lambda c, *_: (c + 1, {"loss": jnp.float32(1)}), 0, jax.random.key(0), jnp.zeros(5, int), jnp.int32(0), 3, 2
    )
    assert (int(carry), float(metrics["loss"])) == (0, 0.0)


def test_streams_differ_by_name_and_step_and_nothing_else():
    key = jax.random.key(3)
    drawn = {
        float(jax.random.uniform(stream(key, name, step))) for name in ("order", "noise") for step in (0, 1, 2)
    } | {float(jax.random.uniform(stream(jax.random.key(4), "order")))}
    assert len(drawn) == 7
    assert jax.random.uniform(stream(key, "order", 1)) == jax.random.uniform(stream(key, "order", jnp.int32(1)))
