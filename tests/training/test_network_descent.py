"""Descent on a network: the course of the schedule, what the loss hands on, and padding."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.training.network_descent import Learning, descend_network, run_updates
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.rate import Rate
from jzsl.training.rates.step_decay import StepDecay

W = jnp.array([1, 0, 1, 2, 0, 1, 1, 1, 0, 0])
"""Seven draws of ten: in minibatches of four two steps an epoch, the second with one place of padding."""


@dataclass(frozen=True)
class Progress:
    """The factor of the learning rate is the progress itself."""

    def build(self) -> Rate:
        return lambda progress: progress


def descended(loss, config, parts, total=5, w=W, start=jnp.zeros(2), batch=4):
    """What is learned in calls of `parts` epochs each, of `total` in the training."""
    optimizer, metrics = config.build(), {}
    learning, done = Learning(start, jnp.zeros(len(w)), optimizer.init(start)), 0
    for epochs in parts:
        learning, metrics = jax.jit(
            lambda learning, done, epochs: descend_network(
                loss, optimizer, learning, jax.random.key(0), w, done, epochs, total, batch
            )
        )(learning, jnp.int32(done), epochs)
        done += epochs
    return learning, metrics


def constant_gradient(params, rest, key, samples, valid):
    """Gradient -1, so that the parameter is the sum of all learning rates; visits are counted."""
    return -jnp.sum(params), (rest.at[samples].add(valid), {"valid": jnp.sum(valid)})


@pytest.mark.parametrize("parts", [(5,), (3, 2), (1, 1, 1, 1, 1), (0, 5)])
def test_progress_is_the_share_of_steps_done_in_the_whole_training(parts):
    """Ten steps, whose progress is 0, 1/10, ..., 9/10, in however many calls: their sum is 4.5."""
    learning, metrics = descended(constant_gradient, SGD(1.0, 0.0, l2=0.0, rate=Progress()), parts)
    np.testing.assert_allclose(learning.params, [4.5, 4.5], rtol=1e-6)
    np.testing.assert_array_equal(learning.rest, 5 * W)
    assert float(metrics["valid"]) == 3.5


@pytest.mark.parametrize("parts", [(5,), (3, 2)])
def test_each_minibatch_knows_its_epoch_and_share(parts):
    def update(learning, key, samples, valid, position):
        steps = learning.params
        after = (steps[0] + 1, steps[1].at[steps[0]].set(position.epoch), steps[2].at[steps[0]].set(position.share))
        return learning._replace(params=after), {}

    learning, done = Learning((jnp.int32(0), jnp.zeros(10, jnp.int32), jnp.zeros(10)), None, None), 0
    for epochs in parts:
        learning, _ = run_updates(update, learning, jax.random.key(0), W, jnp.int32(done), epochs, 5, 4)
        done += epochs
    np.testing.assert_array_equal(learning.params[1], np.repeat(np.arange(5), 2))
    np.testing.assert_allclose(learning.params[2], np.arange(10) / 10, rtol=1e-6)


def test_a_part_of_a_longer_training_sees_a_part_of_the_schedule():
    learning, _ = descended(constant_gradient, SGD(1.0, 0.0, l2=0.0, rate=Progress()), (5,), total=50)
    np.testing.assert_allclose(learning.params, 2 * [0.45], rtol=1e-6)


def test_no_sample_is_no_step():
    learning, _ = descended(constant_gradient, SGD(), (5,), w=0 * W)
    np.testing.assert_array_equal(learning.params, [0, 0])


def noisy(params, rest, key, samples, valid):
    """Depends on key, samples and all that came before."""
    target = jnp.sin(samples + jax.random.normal(key, samples.shape)) + jnp.sum(rest)
    loss = jnp.sum(valid * (params[0] * samples + params[1] - target) ** 2)
    return loss, (0.9 * rest + 0.01 * jnp.sum(params), {"loss": loss})


def test_calls_of_three_and_two_epochs_give_the_bits_of_one_call_of_five():
    config = SGD(1e-3, 0.9, True, 1e-2, StepDecay())
    whole, _ = descended(noisy, config, (5,))
    parts, _ = descended(noisy, config, (3, 2))
    jax.tree.map(np.testing.assert_array_equal, whole, parts)
    other, _ = descended(noisy, config, (5,), total=6)  # another course of the schedule is another result
    assert np.abs(np.asarray(other.params) - np.asarray(whole.params)).max() > 1e-5


def test_the_loss_sees_padding_as_not_valid():
    """Full minibatches of three and padded ones of five descend on the same sums of gradients, one step an epoch."""

    def mean_of_samples(params, rest, key, samples, valid):
        return jnp.sum(valid * (params[0] - samples) ** 2), (rest, {})

    w, config = jnp.ones(3, jnp.int32), SGD(0.1, 0.0, l2=0.0)
    exact, _ = descended(mean_of_samples, config, (40,), 40, w, batch=3)
    padded, _ = descended(mean_of_samples, config, (40,), 40, w, batch=5)
    np.testing.assert_allclose(exact.params[0], 1.0, atol=1e-5)
    np.testing.assert_allclose(padded.params, exact.params, rtol=1e-6)
