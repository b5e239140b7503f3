"""RotNet: its loss against NumPy's rotations, which samples it learns from, and what it has no answer to."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError
from jzsl.methods.rotnet import RotNet, RotNetState, rotation_accuracy, turn_logits
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.pixels import Pixels
from jzsl.nets.resnet import ResNet
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.step_decay import StepDecay
from jzsl.types import UNLABELLED, ClassTable, Pool

CLASSES = ClassTable(None, jnp.ones(2, bool))
PLAIN = RotNet(SmallCNN((4,)), Sequence(), SGD(0.05), batch_size=4)
TASK = Adaptation()


@pytest.fixture
def pool(random) -> Pool:
    x = random.integers(0, 256, (10, 6, 6, 1)).astype(np.uint8)
    return Pool(jnp.asarray(x), jnp.arange(10) % 2, jnp.ones(10, jnp.int32))


def trained(config, pool, parts=(2,), total=None):
    method = config.build(TASK)
    fit, state, metrics = jax.jit(method.fit), jax.jit(method.init)(jax.random.key(0), pool, CLASSES), {}
    start = state
    for epochs in parts:
        state, metrics = fit(state, pool, CLASSES, epochs, sum(parts) if total is None else total)
    return start, state, metrics


def leaves(state):
    return jax.tree.leaves((state.variables, state.turns))


def assert_same(one, two):
    jax.tree.map(np.testing.assert_array_equal, leaves(one), leaves(two))


def differ(one, two):
    return any(np.abs(a - b).max() > 0 for a, b in zip(leaves(one), leaves(two), strict=True))


def test_the_loss_is_the_mean_over_four_turns_of_each_image(pool):
    """Turns by NumPy, statistics of batch normalisation over all of them; so is its gradient, by that of the biases."""
    config = dataclasses.replace(PLAIN, batch_size=10, optimizer=SGD(0.5, 0.0, l2=0.0))
    start, end, metrics = trained(config, pool, (1,))
    images = np.concatenate([np.rot90(pool.x, turn, (1, 2)) for turn in range(4)])
    network = config.network.build()
    outputs, _ = network.apply(start.variables, jnp.asarray(images), BatchNormPolicy.train, None)
    log_p = np.asarray(jax.nn.log_softmax(outputs.features @ start.turns.weight + start.turns.bias), np.float64)
    turn = np.repeat(np.arange(4), 10)
    assert float(metrics["loss"]) == pytest.approx(-log_p[np.arange(40), turn].mean(), rel=1e-5)
    assert float(metrics["rotation_accuracy"]) == pytest.approx(np.mean(log_p.argmax(1) == turn))
    step = -0.5 * (np.exp(log_p) - np.eye(4)[turn]).mean(0)
    np.testing.assert_allclose(end.turns.bias - start.turns.bias, step, rtol=1e-4, atol=1e-6)


def test_labels_are_not_used_and_unlabelled_samples_are_learned_from(pool):
    _, labelled, _ = trained(PLAIN, pool)
    for y in (1 - pool.y, jnp.full(10, UNLABELLED), jnp.where(pool.y > 0, 1, UNLABELLED)):
        assert_same(trained(PLAIN, pool._replace(y=y))[1], labelled)
    half = pool._replace(y=jnp.where(jnp.arange(10) < 5, pool.y, UNLABELLED))
    moved = half._replace(x=jnp.where(jnp.arange(10)[:, None, None, None] < 5, pool.x, 255 - pool.x))
    assert differ(trained(PLAIN, moved)[1], labelled)


def test_absent_samples_and_padding_have_no_influence(pool):
    """Seven samples in minibatches of four: the last one has padding, which repeats some sample."""
    there = jnp.arange(10) < 7
    part = pool._replace(w=there.astype(jnp.int32))
    garbage = part._replace(x=jnp.where(there[:, None, None, None], pool.x, 255))
    _, one, _ = trained(PLAIN, part)
    assert_same(trained(PLAIN, garbage)[1], one)
    assert differ(trained(PLAIN, pool)[1], one)


def test_a_padded_minibatch_is_its_samples_alone(pool):
    """One step on ten images with room for sixteen, against one with room for ten and the same share of the loss."""
    roomy = dataclasses.replace(PLAIN, batch_size=16, optimizer=SGD(0.16, 0.0, l2=0.0))
    exact = dataclasses.replace(PLAIN, batch_size=10, optimizer=SGD(0.10, 0.0, l2=0.0))
    one, two = (trained(config, pool, (1,)) for config in (roomy, exact))
    assert float(one[2]["loss"]) == pytest.approx(float(two[2]["loss"]), rel=1e-5)
    for a, b in zip(leaves(one[1]), leaves(two[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_calls_of_three_and_two_epochs_give_the_bits_of_one_call_of_five(pool):
    config = RotNet(SmallCNN((4,)), Sequence((PaddedCrop(1), RandomFlip())), batch_size=4)
    whole, parts = (trained(config, pool, epochs)[1] for epochs in ((5,), (3, 2)))
    assert_same(whole, parts)
    assert differ(trained(config, pool, (5,), total=50)[1], whole)


CORNERS = [0, 12, 15, 3]
"""Where the upper left of 16 pixels is after no, one, two and three quarter turns counterclockwise."""


def test_turns_are_counted_counterclockwise():
    """Images with one bright corner, and weights that look for it."""
    x = np.zeros((5, 4, 4, 1), np.uint8)
    x[:, 0, 0] = 255
    weight = jnp.zeros((16, 4)).at[jnp.array(CORNERS), jnp.arange(4)].set(1.0)
    network = Pixels().build()
    state = RotNetState({"params": {}}, Linear(weight, jnp.zeros(4)), None, jax.random.key(0), jnp.int32(0))
    for turn in range(4):
        scores = turn_logits(network, state, jnp.rot90(jnp.asarray(x), turn, (1, 2)))
        np.testing.assert_array_equal(np.argmax(scores, 1), turn)
    assert float(rotation_accuracy(network, state, jnp.asarray(x), 2)) == 1
    clockwise = state._replace(turns=Linear(weight[:, jnp.array([0, 3, 2, 1])], jnp.zeros(4)))
    assert float(rotation_accuracy(network, clockwise, jnp.asarray(x), 2)) == 0.5
    mixed = jnp.asarray(np.concatenate([x[:3], np.rot90(x[:2], 1, (1, 2))]))  # of these two each turn is the next one
    assert float(rotation_accuracy(network, state, mixed, 2)) == pytest.approx(3 / 5)


def test_it_learns_turns_of_images_it_has_not_seen(random):
    """Bright above, dark below, in noise; chance is 25 %."""
    slope = np.linspace(200, 50, 6)[:, None, None]
    x = jnp.asarray(np.clip(slope + 30 * random.normal(size=(96, 6, 6, 1)), 0, 255).astype(np.uint8))
    pool = Pool(x[:64], jnp.full(64, UNLABELLED), jnp.ones(64, jnp.int32))
    config = dataclasses.replace(PLAIN, network=SmallCNN((8,)), optimizer=Adam(1e-2), batch_size=16)
    start, state, _ = trained(config, pool, (20,))
    before, after = (float(rotation_accuracy(config.network.build(), part, x[64:])) for part in (start, state))
    assert before < 0.6
    assert after > 0.9


def test_defaults_are_the_thesis_settings():
    assert RotNet().optimizer == SGD(0.1, 0.9, nesterov=True, l2=5e-4, rate=StepDecay((0.3, 0.6, 0.8), 0.2))
    assert (RotNet().network, RotNet().batch_size) == (ResNet(), 128)


def test_it_goes_on_from_a_stage(pool):
    method = PLAIN.build(TASK)
    earlier = trained(PLAIN, pool)[1]
    fresh = method.init(jax.random.key(5), pool, CLASSES)
    assert method.adopt is not None
    adopted = method.adopt(jax.random.key(5), fresh, earlier)
    jax.tree.map(np.testing.assert_array_equal, adopted.variables, earlier.variables)
    np.testing.assert_array_equal(adopted.turns.weight, fresh.turns.weight)


def test_it_knows_no_classes_and_says_what_does(pool):
    method = PLAIN.build(TASK)
    state = method.init(jax.random.key(0), pool, CLASSES)
    with pytest.raises(InputError, match="name it in `stages`, before a method that does, such as Probe"):
        method.predictor(state, pool, CLASSES, jnp.zeros(0, jnp.int32))


def test_images_that_cannot_be_turned_are_refused():
    pool = Pool(jnp.zeros((4, 6, 5, 3), jnp.uint8), jnp.zeros(4, jnp.int32), jnp.ones(4, jnp.int32))
    with pytest.raises(InputError, match="samples: images of 6 x 5 found, expected square ones"):
        PLAIN.build(TASK).init(jax.random.key(0), pool, CLASSES)
    with pytest.raises(InputError, match="batch_size"):
        RotNet(batch_size=0)
