"""APN: its losses by hand, what learns when, and recognition of classes without images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.config import Experiment, Train
from jzsl.data.digits_images import DigitImages
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.apn import APN
from jzsl.methods.attribute_prototypes import (
    Heads,
    attention_maps,
    attributes_of,
    classification,
    localisation,
    log_probabilities,
)
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.normalised import Normalised
from jzsl.nets.resnet import ResNet
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.augment.mixture import Mixture
from jzsl.training.augment.mixup import MixUp
from jzsl.training.optimizers.adam import Adam
from jzsl.types import ClassTable
from tests.driver.test_images import QUIET
from tests.methods.images import SEMANTICS, UNSEEN, bars, mean_accuracy, problem, trained

CONFIG = APN(SmallCNN((8, 16)), optimizer=Adam(1e-2, beta1=0.5), batch_size=32)


def test_losses_by_hand(random):
    """Equations 1 and 2 with loops over images, classes, attributes and places."""
    predicted, semantics = random.normal(size=(3, 4)), random.normal(size=(5, 4))
    present, y = np.array([True, False, True, True, False]), np.array([0, 3, 2])
    attention = random.normal(size=(3, 2, 3, 4))
    log_p = log_probabilities(jnp.asarray(predicted), jnp.asarray(semantics), jnp.asarray(present))
    entropy = classification(log_p, jnp.asarray(y))
    local = localisation(jnp.asarray(attention), jnp.asarray(semantics[y]))
    for image in range(3):
        scores = {c: np.exp(predicted[image] @ semantics[c]) for c in (0, 2, 3)}
        expected = -np.log(scores[y[image]] / sum(scores.values()))
        assert entropy[image] == pytest.approx(expected, rel=1e-5)
        squares = [(attention[image, :, :, k].max() - semantics[y[image], k]) ** 2 for k in range(4)]
        assert local[image] == pytest.approx(sum(squares), rel=1e-5)
    np.testing.assert_array_equal(np.exp(log_p)[:, ~present], 0)


@pytest.mark.parametrize("pooling", ["average", "maximum"])
@pytest.mark.parametrize(
    "config",
    [ResNet((1, 1), 0.1), Normalised(SmallCNN((4,)))],
    ids=["resnet", "normalised"],
)
def test_the_model_is_two_products_on_the_maps_of_any_network(random, config, pooling):
    network = config.build()
    images = jnp.float32(random.uniform(size=(2, 16, 16, 3)))
    variables = jax.jit(network.init)(jax.random.key(0), images)
    maps = np.asarray(jax.jit(lambda x: network.apply(variables, x, BatchNormPolicy.running, None)[0].maps)(images))
    heads = Heads(*(jnp.float32(random.normal(size=(maps.shape[-1], 5))) for _ in range(2)))
    model = jax.jit(lambda x: attributes_of(network, pooling, variables, heads, x)[0])(images)
    places = maps.reshape(2, -1, maps.shape[-1])
    reduced = {"average": np.mean, "maximum": np.max}[pooling](places @ np.asarray(heads.projection), 1)
    np.testing.assert_allclose(model.predicted, reduced, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model.attention, maps @ np.asarray(heads.prototypes), rtol=1e-3, atol=1e-4)
    attention = jax.jit(lambda x: attention_maps(network, variables, heads, x))(images)
    np.testing.assert_allclose(attention, model.attention, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pooling", ["average", "maximum"])
def test_classes_without_images_are_recognised_by_their_attributes(pooling):
    """And with the semantics of classes exchanged at random it is at chance: nothing else tells the classes apart."""
    pool, classes = problem()
    method = dataclasses.replace(CONFIG, pooling=pooling).build(ZSL())
    state = trained(method, pool, classes, 40)
    labels = np.tile(UNSEEN, 60)
    images = jnp.asarray(bars(labels, seed=1))

    def accuracy(table):
        predictor = method.predictor(state, pool, table, jnp.asarray(UNSEEN))
        return mean_accuracy(jax.jit(method.logits)(predictor, images, jnp.asarray(UNSEEN)), labels, UNSEEN)

    assert accuracy(classes) > 0.9
    swapped = ClassTable(jnp.asarray(SEMANTICS)[jnp.array([0, 1, 2, 3, 4, 5, 7, 6])], classes.seen)
    assert accuracy(swapped) < 0.1


def test_training_with_shuffled_semantics_leaves_unseen_classes_at_chance():
    """Mean over assignments of semantics to classes: images of unseen classes have nothing to do with false ones."""
    pool, classes = problem()
    labels = np.tile(UNSEEN, 30)
    images, unseen = jnp.asarray(bars(labels, seed=1)), jnp.asarray(UNSEEN)
    method = CONFIG.build(ZSL())

    @jax.jit
    def scores(key, semantics):
        table = classes._replace(semantics=semantics)
        state, _ = method.fit(method.init(key, pool, table), pool, table, 10, 10)
        return method.logits(method.predictor(state, pool, table, unseen), images, unseen)

    accuracies = [
        mean_accuracy(
            scores(jax.random.key(seed), jnp.asarray(SEMANTICS[np.random.default_rng(seed).permutation(8)])),
            labels,
            UNSEEN,
        )
        for seed in range(20)
    ]
    assert abs(np.mean(accuracies) - 0.5) < 2.5 * np.std(accuracies) / np.sqrt(len(accuracies))
    assert mean_accuracy(scores(jax.random.key(0), jnp.asarray(SEMANTICS)), labels, UNSEEN) > 0.8


def test_maps_find_where_an_attribute_is():
    """A network that sees few pixels at a time: the largest entry of the map lies on or beside the bar."""
    pool, classes = problem()
    config = dataclasses.replace(CONFIG, network=SmallCNN((16,)))
    state = trained(config.build(ZSL()), pool, classes, 40)
    network = config.network.build()
    maps = jax.jit(lambda x: attention_maps(network, state.variables, state.heads, x))
    for attribute, rows in ((0, (0, 1)), (1, (3, 4, 5, 6))):
        answers = np.asarray(maps(jnp.asarray(bars(np.full(40, attribute), 3))))[..., attribute]
        assert answers.shape == (40, 8, 8)
        best = answers.reshape(40, -1).argmax(1) // 8
        assert np.isin(best, rows).mean() > 0.9


def test_mixed_images_weigh_the_losses_of_their_sources():
    """The first loss of an epoch of one minibatch, before anything is learned, by the mixture that the key gives."""
    seen: list[Mixture] = []
    mix = MixUp(1.0).build()

    @dataclasses.dataclass(frozen=True)
    class Recorded:
        def build(self):
            def recorded(key, images, valid):
                mixture = mix(key, images, valid)
                jax.debug.callback(lambda mixture: seen.append(mixture), mixture)
                return mixture

            return recorded

    pool, classes = problem(32)
    config = dataclasses.replace(CONFIG, mix=Recorded(), batch_norm=BatchNormPolicy.running)
    method = config.build(ZSL())
    start = method.init(jax.random.key(0), pool, classes)
    _, metrics = jax.jit(method.fit)(start, pool, classes, 1, 1)
    jax.effects_barrier()
    (mixture,) = seen
    # Sources are positions in the minibatch; each image is matched with the pair of pool images that it is made of.
    images = np.asarray(pool.x, np.float32) / 255
    share = float(mixture.shares[0, 0])
    network = config.network.build()
    apply = jax.jit(lambda images: attributes_of(network, "average", start.variables, start.heads, images)[0])
    model = apply(mixture.images)
    semantics = SEMANTICS / np.linalg.norm(SEMANTICS, axis=1, keepdims=True)
    log_p = np.asarray(log_probabilities(model.predicted, jnp.asarray(semantics), jnp.asarray(classes.seen)))
    largest, labels, total = np.asarray(model.attention).max((1, 2)), np.asarray(pool.y), 0.0
    pairs = share * images[:, None] + (1 - share) * images[None]
    for number, image in enumerate(np.asarray(mixture.images)):
        y = labels[list(np.unravel_index(np.abs(pairs - image).sum((2, 3, 4)).argmin(), (32, 32)))]
        total -= share * log_p[number, y[0]] + (1 - share) * log_p[number, y[1]]
        total += np.sum((largest[number] - share * semantics[y[0]] - (1 - share) * semantics[y[1]]) ** 2)
    assert float(np.mean(metrics["loss"])) == pytest.approx(total / 32, rel=1e-4)


def test_heads_alone_learn_in_the_warm_up():
    pool, classes = problem()
    method = dataclasses.replace(CONFIG, warmup=2).build(ZSL())
    start = jax.jit(method.init)(jax.random.key(0), pool, classes)
    fit = jax.jit(method.fit)
    warm, _ = fit(start, pool, classes, 2, 4)
    jax.tree.map(np.testing.assert_array_equal, warm.variables, start.variables)
    jax.tree.map(np.testing.assert_array_equal, warm.moments[0], start.moments[0])
    assert all(np.abs(one - two).max() > 1e-3 for one, two in zip(warm.heads, start.heads, strict=True))
    after, _ = fit(warm, pool, classes, 2, 4)
    moved = jax.tree.map(lambda one, two: float(np.abs(one - two).max()), after.variables, warm.variables)
    assert min(jax.tree.leaves(moved)) > 1e-4
    whole, _ = fit(start, pool, classes, 4, 4)
    jax.tree.map(np.testing.assert_array_equal, whole.variables, after.variables)


def test_frozen_blocks_stay_and_heads_have_their_own_learning_rate():
    pool, classes = problem()
    network = CONFIG.network.build()
    first, last = network.blocks[0], network.blocks[-1]
    config = dataclasses.replace(CONFIG, learned=(last,), heads_optimizer=Adam(1e-9))
    method = config.build(ZSL())
    start = jax.jit(method.init)(jax.random.key(0), pool, classes)
    end, _ = jax.jit(method.fit)(start, pool, classes, 1, 1)
    for collection in ("params", "batch_stats"):
        one, two = start.variables[collection], end.variables[collection]
        jax.tree.map(np.testing.assert_array_equal, one[first], two[first])
        assert max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), one[last], two[last]))) > 1e-3
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), start.heads, end.heads)


def test_blocks_learn_with_running_statistics_where_that_is_asked_for():
    pool, classes = problem()
    method = dataclasses.replace(CONFIG, batch_norm=BatchNormPolicy.running).build(ZSL())
    start = jax.jit(method.init)(jax.random.key(0), pool, classes)
    end, _ = jax.jit(method.fit)(start, pool, classes, 1, 1)
    jax.tree.map(np.testing.assert_array_equal, start.variables["batch_stats"], end.variables["batch_stats"])
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), start.variables["params"], end.variables["params"])
    assert min(jax.tree.leaves(moved)) > 1e-3


def test_a_stage_hands_on_its_network_and_an_apn_its_heads_too():
    pool, classes = problem()
    method = CONFIG.build(ZSL())
    state = jax.jit(method.init)(jax.random.key(0), pool, classes)
    assert method.adopt is not None
    labelled = dataclasses.replace(ImageClassifier(CONFIG.network), batch_size=32).build(Adaptation())
    classifier = jax.jit(labelled.init)(jax.random.key(1), pool, classes)
    adopted = method.adopt(jax.random.key(2), state, classifier)
    jax.tree.map(np.testing.assert_array_equal, adopted.variables, classifier.variables)
    jax.tree.map(np.testing.assert_array_equal, adopted.heads, state.heads)
    other = jax.jit(method.init)(jax.random.key(3), pool, classes)
    jax.tree.map(np.testing.assert_array_equal, method.adopt(jax.random.key(2), state, other).heads, other.heads)


def test_the_embedding_gives_the_scores_and_semantics_have_unit_length():
    pool, classes = problem()
    method = CONFIG.build(GZSL())
    state = jax.jit(method.init)(jax.random.key(0), pool, classes)
    assert method.embedding is not None
    candidates = jnp.array([4, 0, 5])
    longer = ClassTable(3 * jnp.asarray(SEMANTICS), classes.seen)
    one, two = (method.predictor(state, pool, table, jnp.asarray(UNSEEN)) for table in (classes, longer))
    embedding = method.embedding(one, pool.x[:7], candidates)
    np.testing.assert_allclose(embedding.x @ embedding.weights.T, method.logits(two, pool.x[:7], candidates), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embedding.weights, axis=1), 1, rtol=1e-6)


def test_calibrated_stacking_is_chosen_on_validation_classes(tmp_path):
    """Equation 9: with the offset fewer samples of unseen digits are taken for seen ones."""
    method = APN(SmallCNN((16, 32)), optimizer=Adam(1e-2, beta1=0.5))
    config = Experiment(
        DigitImages(), method, Train(epochs=6, checkpoint_seconds=0), (ZSL(), GZSL()), calibration=True, seeds=1
    )
    result = run(config, tmp_path / "calibrated", False, QUIET)
    plain = run(dataclasses.replace(config, calibration=False), tmp_path / "plain", False, QUIET)
    assert result["offset"] > 0
    assert result["T1"] == plain["T1"]
    assert result["U"]["mean"] > plain["U"]["mean"]
    assert result["H"]["mean"] > plain["H"]["mean"]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: APN(warmup=-1), "warmup"),
        (lambda: APN(local_weight=-1.0), "local_weight"),
        (lambda: APN(batch_size=0), "batch_size"),
        (lambda: APN(learned=("stage9",)).build(ZSL()), "learned"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=field):
        make()
