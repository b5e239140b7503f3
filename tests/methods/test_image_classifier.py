"""Image classifiers: augmentations, mixtures and soft labels enter the loss; frozen blocks stay; padding has no say."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.rotnet import RotNet
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Augment
from jzsl.training.augment.mixture import Mix, MixConfig, Mixture
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.ricap import RICAP
from jzsl.training.optimizers.sgd import SGD
from jzsl.types import UNLABELLED, ClassTable, Pool

CLASSES = ClassTable(None, jnp.ones(3, bool))
SLOW = SGD(1e-6, l2=0.0)
"""After one step the network is as before, so that metrics are those of the start."""


@pytest.fixture
def pool(random) -> Pool:
    """Twelve images; the first pixel of each is its number."""
    x = random.integers(20, 256, (12, 6, 6, 2)).astype(np.uint8)
    x[:, 0, 0, 0] = np.arange(12)
    return Pool(jnp.asarray(x), jnp.arange(12) % 3, jnp.ones(12, jnp.int32))


def trained(config, pool, epochs=1, scale=1.0):
    """The state before, with class weights of this scale, and after; the metrics."""
    method = config.build(Adaptation())
    start = jax.jit(method.init)(jax.random.key(0), pool, CLASSES)
    start = start._replace(weights=scale * start.weights)
    state, metrics = jax.jit(method.fit)(start, pool, CLASSES, epochs, epochs)
    return start, state, metrics


def entropies(config, state, images):
    """-log p of each image and class, with statistics of these images."""
    outputs, _ = config.network.build().apply(state.variables, images, BatchNormPolicy.train, None)
    return -np.asarray(jax.nn.log_softmax(outputs.features @ state.weights, 1), np.float64)


def assert_same(one, two):
    jax.tree.map(np.testing.assert_array_equal, one.variables, two.variables)
    np.testing.assert_array_equal(one.weights, two.weights)


def change(one, two):
    """The largest change of each leaf."""
    return jax.tree.map(lambda a, b: float(np.abs(np.asarray(a) - np.asarray(b)).max()), one, two)


def test_the_loss_is_the_mean_cross_entropy_by_statistics_of_the_minibatch(pool):
    config = ImageClassifier(SmallCNN((4,)), optimizer=SLOW, batch_size=12)
    start, _, metrics = trained(config, pool)
    expected = entropies(config, start, pool.x)
    assert float(metrics["loss"]) == pytest.approx(expected[np.arange(12), pool.y].mean(), rel=1e-5)
    assert float(metrics["training_accuracy"]) == pytest.approx(np.mean(expected.argmin(1) == pool.y))


@dataclass(frozen=True)
class Blank:
    """Every image becomes grey."""

    def build(self) -> Augment:
        return lambda key, images: 0 * images + 0.5


def test_training_sees_augmented_images_alone(pool):
    """Where the augmentation blanks them, others in their place change nothing; without it they do."""
    other = pool._replace(x=255 - pool.x)
    for augment, same in ((Blank(), True), (ImageClassifier().augment, False)):
        config = ImageClassifier(SmallCNN((4,)), augment=augment, batch_size=4)
        one, two = (trained(config, part)[1] for part in (pool, other))
        moved = max(jax.tree.leaves(change(one.variables, two.variables)))
        assert (moved == 0) == same


@dataclass(frozen=True)
class Recorded:
    """A mixture that shows what it composes."""

    mix: MixConfig
    seen: list

    __hash__ = object.__hash__

    def build(self) -> Mix:
        inner = self.mix.build()

        def mix(key, images, valid):
            mixture = inner(key, images, valid)
            jax.debug.callback(lambda *parts: self.seen.append(jax.tree.map(np.asarray, parts)), images, mixture)
            return mixture

        return mix


@pytest.mark.parametrize("mix", [MixUp(2.0), RICAP()])
def test_mixed_images_are_learned_with_mixed_labels(pool, mix):
    """Against cross-entropies in NumPy with the shares of the sources' labels."""
    seen: list[tuple[np.ndarray, Mixture]] = []
    config = ImageClassifier(SmallCNN((4,)), mix=Recorded(mix, seen), optimizer=SLOW, batch_size=12)
    start, _, metrics = trained(config, pool, scale=20.0)
    jax.effects_barrier()
    [(images, mixture)] = seen
    y = np.asarray(pool.y)[np.rint(255 * images[:, 0, 0, 0]).astype(int)]
    target = np.zeros((12, 3))
    for sources, shares in zip(mixture.sources, mixture.shares, strict=True):
        target[np.arange(12), y[sources]] += shares
    assert np.allclose(target.sum(1), 1)
    assert (target.max(1) < 0.999).any()
    expected = np.sum(target * entropies(config, start, jnp.asarray(mixture.images)), 1).mean()
    unmixed = entropies(config, start, jnp.asarray(mixture.images))[np.arange(12), y].mean()
    assert float(metrics["loss"]) == pytest.approx(expected, rel=1e-5)
    assert abs(expected - unmixed) > 1e-4 * expected


def test_soft_labels_replace_hard_ones(pool, random):
    config = ImageClassifier(SmallCNN((4,)), batch_size=12)
    one_hot = jax.nn.one_hot(pool.y, 3)
    hard, same = (trained(config, part)[1] for part in (pool, pool._replace(soft=one_hot)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), hard.variables, same.variables)
    soft = np.float32(random.dirichlet(np.ones(3), 12))
    slow = ImageClassifier(SmallCNN((4,)), optimizer=SLOW, batch_size=12)
    start, _, metrics = trained(slow, pool._replace(soft=jnp.asarray(soft)))
    expected = np.sum(soft * entropies(slow, start, pool.x), 1).mean()
    assert float(metrics["loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hidden", ["absent", "unlabelled", "padding"])
def test_samples_that_do_not_count_have_no_influence(pool, hidden):
    """Ten samples in minibatches of four: the last has two, beside padding that repeats some sample."""
    out = jnp.arange(12) >= 10
    changed = pool._replace(
        w=jnp.where(out & (hidden != "unlabelled"), 0, 1),
        y=jnp.where(out & (hidden == "unlabelled"), UNLABELLED, pool.y),
    )
    garbage = changed._replace(x=jnp.where(out[:, None, None, None], 255, pool.x))
    config = ImageClassifier(SmallCNN((4,)), batch_size=4 if hidden == "padding" else 5)
    one, two = (trained(config, part, 2)[1] for part in (changed, garbage))
    assert_same(one, two)
    assert max(jax.tree.leaves(change(trained(config, pool, 2)[1].variables, one.variables))) > 0


def frozen(policy):
    """Two stages, of which the second learns."""
    return ImageClassifier(
        ResNet((1, 1), 0.0625), learned=("stage2",), others=policy, batch_size=4, optimizer=SGD(0.1, l2=0.1)
    )


@pytest.mark.parametrize("policy", [BatchNormPolicy.running, BatchNormPolicy.frozen_affine])
def test_blocks_that_do_not_learn_keep_their_parameters(pool, policy):
    """Not even weight decay moves them; their running statistics move by one policy and stay by the other."""
    start, state, _ = trained(frozen(policy), pool, 2)
    params = change(start.variables["params"], state.variables["params"])
    statistics = change(start.variables["batch_stats"], state.variables["batch_stats"])
    for block in ("stem", "stage1_block1"):
        assert max(jax.tree.leaves(params[block])) == 0
        moved = [leaf > 0 for leaf in jax.tree.leaves(statistics[block])]
        assert (any if policy is BatchNormPolicy.running else all)(moved) == (policy is not BatchNormPolicy.running)
    for part in (params, statistics):
        assert min(jax.tree.leaves(part["stage2_block1"])) > 0
    assert np.abs(state.weights - start.weights).max() > 0


def test_adopted_variables_are_where_training_begins(pool):
    config = ImageClassifier(SmallCNN((4,)), batch_size=4)
    method = config.build(Adaptation())
    earlier = trained(config, pool, 3)[1]
    fresh = method.init(jax.random.key(7), pool, CLASSES)
    assert method.adopt is not None
    adopted = method.adopt(jax.random.key(7), fresh, earlier)
    jax.tree.map(np.testing.assert_array_equal, adopted.variables, earlier.variables)
    np.testing.assert_array_equal(adopted.weights, earlier.weights)
    assert int(adopted.epoch) == 0
    of_turns = RotNet(SmallCNN((4,))).build(Adaptation()).init(jax.random.key(3), pool, CLASSES)
    np.testing.assert_array_equal(method.adopt(jax.random.key(7), fresh, of_turns).weights, fresh.weights)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_calls_of_three_and_two_epochs_give_the_bits_of_one_call_of_five(pool, name):
    optimizer = {"adam": ImageClassifier().optimizer, "sgd": SGD(0.05, nesterov=True)}[name]
    config = ImageClassifier(SmallCNN((4,)), mix=MixUp(), optimizer=optimizer, batch_size=5)
    method = config.build(Adaptation())
    fit, start = jax.jit(method.fit), method.init(jax.random.key(0), pool, CLASSES)
    whole, _ = fit(start, pool, CLASSES, 5, 5)
    part, _ = fit(start, pool, CLASSES, 3, 5)
    part, _ = fit(part, pool, CLASSES, 2, 5)
    assert_same(whole, part)
    jax.tree.map(np.testing.assert_array_equal, whole.optimizer, part.optimizer)


def test_a_block_that_does_not_exist_is_refused():
    with pytest.raises(
        InputError, match="learned: 'stage5' found, expected starts of block names: stem, stage1_block1"
    ):
        ImageClassifier(ResNet((1,)), learned=("stage5",)).build(Adaptation())


def test_normalised_networks_are_networks_of_normalised_images(random):
    """In training, in prediction, and where blocks run one after another; maps in the middle stay as they are."""
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    plain = ResNet((1, 1), 0.0625).build()
    network = Normalised(ResNet((1, 1), 0.0625), mean, std).build()
    x = jnp.asarray(random.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8))
    by_hand = jnp.asarray(((np.asarray(x) / 255 - mean) / std).astype(np.float32))
    variables = network.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, variables, plain.init(jax.random.key(0), by_hand))
    for policy in (BatchNormPolicy.train, BatchNormPolicy.running):
        one, two = (net.apply(variables, images, policy, None) for net, images in ((network, x), (plain, by_hand)))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), one, two)
    running = BatchNormPolicy.running
    maps, _ = network.run(variables, x, "stem", "stage1_block1", running, None)
    maps, _ = network.run(variables, maps, "stage2_block1", "stage2_block1", running, None)
    expected, _ = network.apply(variables, x, running, None)
    np.testing.assert_allclose(maps, expected.maps, rtol=1e-5, atol=1e-6)


def test_bad_normalisation_is_refused_by_name():
    for make in (lambda: Normalised(std=(0.0,)), lambda: Normalised(std=())):
        with pytest.raises(InputError, match="std: "):
            make()
    with pytest.raises(InputError, match="mean: 1 numbers found, expected 3"):
        Normalised(std=(1.0, 1.0, 1.0))
    network = Normalised(ResNet((1,), 0.0625), (0.5, 0.5), (0.5, 0.5)).build()
    with pytest.raises(InputError, match="images: 3 channels found, expected 2, as mean and std have"):
        network.init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
