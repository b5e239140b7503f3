"""Epochs of minibatches over a pool as one compiled loop, with steps only for samples of positive multiplicity."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jzsl.devices.mesh import over_data
from jzsl.keys import stream
from jzsl.types import Metrics


def epoch_order(key: Key[Array, ""], w: Int[Array | np.ndarray, " n"]) -> tuple[Int[Array, " n"], Int[Array, ""]]:
    """Indices of the samples in random order, each as often as its multiplicity says.

    Returns:
        The order, of the pool's capacity n, and its length in use, sum(w). Entries past it have no meaning. If the
        sum exceeds n the length in use is n, and some samples are left out: `run_epochs` reports that as a NaN.
    """
    capacity = len(w)
    ends = jnp.cumsum(w)
    used = jnp.minimum(ends[-1], capacity)
    # Position p of the list of all draws belongs to the first sample whose cumulative multiplicity exceeds p.
    samples = jnp.searchsorted(ends, jnp.arange(capacity), side="right")
    shuffle = jnp.where(jnp.arange(capacity) < used, jax.random.uniform(key, (capacity,)), jnp.inf)
    return samples[jnp.argsort(shuffle)], used


def run_epochs(
    step: Callable[[Any, Key[Array, ""], Int[Array, " b"], Float[Array, " b"]], tuple[Any, Metrics]],
    carry: Any,
    key: Key[Array, ""],
    w: Int[Array | np.ndarray, " n"],
    first_epoch: Int[Array, ""],
    epochs: Int[Array, ""] | int,
    batch_size: int,
    even: bool = False,
) -> tuple[Any, Metrics]:
    """Runs `step` over every minibatch of epochs first_epoch, ..., first_epoch + epochs - 1.

    The bounds are traced: the same program serves any number of epochs and of samples in use. Minibatches of fewer
    than b samples are padded with samples whose `valid` is 0.

    Args:
        step: (carry, key, indices[b], valid[b]) -> (carry, metrics), one minibatch.
        carry: the first carry.
        key: base key; epoch e shuffles with stream "order", minibatch i of it gets stream "minibatch".
        w: multiplicities.
        first_epoch: number of epochs done before.
        epochs: how many to run.
        batch_size: b.
        even: whether an epoch's samples are divided evenly over its minibatches, whose sizes then differ by one at
            most, for losses that compare the samples of a minibatch; else all of them but the last have b samples.

    Returns:
        The last carry, and the metrics averaged over all minibatches; all NaN if sum(w) exceeds the capacity.
    """
    capacity = len(w)
    padding = -capacity % batch_size
    slots = jnp.arange(batch_size)

    def count_of(used):
        return (used + batch_size - 1) // batch_size

    def start_of(number, used):
        """The position of a minibatch's first sample; evenly, the first minibatches have one sample more."""
        if not even:
            return number * batch_size
        minibatches = count_of(used)
        return number * (used // minibatches) + jnp.minimum(number, used % minibatches)

    def one(number, loop):
        carry, total, count, epoch_key, order, used = loop
        first, end = start_of(number, used), jnp.minimum(start_of(number + 1, used), used)
        indices = jax.lax.dynamic_slice(order, (first,), (batch_size,))
        valid = (first + slots < end).astype(jnp.float32)
        indices, valid = over_data((indices, valid))
        carry, metrics = step(carry, stream(epoch_key, "minibatch", number), indices, valid)
        return carry, jax.tree.map(jnp.add, total, metrics), count + 1, epoch_key, order, used

    def epoch(number, loop):
        epoch_key = stream(key, "epoch", number)
        order, used = epoch_order(stream(epoch_key, "order"), w)
        order = jnp.pad(order, (0, padding))
        return jax.lax.fori_loop(0, count_of(used), one, (*loop, epoch_key, order, used))[:3]

    shapes = jax.eval_shape(step, carry, key, slots, slots.astype(jnp.float32))[1]
    total = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    carry, total, count = jax.lax.fori_loop(
        first_epoch, first_epoch + epochs, epoch, (carry, total, jnp.zeros((), jnp.int32))
    )
    overfull = jnp.where(jnp.sum(w) > capacity, jnp.nan, 0.0)
    return carry, jax.tree.map(lambda leaf: leaf / jnp.maximum(count, 1) + overfull, total)
