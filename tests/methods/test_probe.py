"""Probes: the classifier of features that NumPy standardises, of a network that stays."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.prototype import Prototype
from jzsl.classifiers.softmax import Softmax
from jzsl.errors import InputError
from jzsl.keys import stream
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.probe import Probe
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.pixels import Pixels
from jzsl.nets.resnet import ResNet
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.zsl import ZSL
from jzsl.types import UNLABELLED, ClassTable, Pool

CLASSES = ClassTable(None, jnp.ones(3, bool))
ALL, NONE = jnp.arange(3), jnp.zeros(0, jnp.int32)
CLASSIFIERS = {"linear": Softmax(20, 1e-2, 8), "neighbours": KNN(3), "prototype": Prototype()}
KEY = jax.random.key(2)


@pytest.fixture
def pool(random) -> Pool:
    """Thirty images; the last ten have no label, and one is absent."""
    x = random.integers(0, 256, (30, 6, 6, 2)).astype(np.uint8)
    x[:, 2, 3, 1] = 7  # a feature without variance
    y = np.where(np.arange(30) < 20, np.arange(30) % 3, UNLABELLED)
    w = np.ones(30, np.int32)
    w[4], w[6] = 0, 2
    return Pool(jnp.asarray(x), jnp.asarray(y, jnp.int32), jnp.asarray(w))


def scores(config, pool, x, state=None, candidates=ALL):
    method = config.build(Adaptation())
    state = method.init(KEY, pool, CLASSES) if state is None else state
    state, metrics = method.fit(state, pool, CLASSES, 1, 1)
    assert metrics == {}
    predictor = jax.jit(method.predictor)(state, pool, CLASSES, NONE)
    return np.asarray(jax.jit(method.logits)(predictor, x, candidates))


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_it_is_the_classifier_of_standardised_features(pool, random, name, standardised):
    """Mean and deviation over labelled samples as often as they count; a constant feature keeps its scale."""
    queries = random.integers(0, 256, (11, 6, 6, 2)).astype(np.uint8)
    features, asked = (np.asarray(x).reshape(len(x), -1) / 255 for x in (pool.x, queries))
    w = np.where(np.asarray(pool.y) >= 0, pool.w, 0)
    if standardised:
        mean = np.average(features, 0, w)
        deviation = np.sqrt(np.average((features - mean) ** 2, 0, w))
        deviation[deviation < 1e-6] = 1
        features, asked = (features - mean) / deviation, (asked - mean) / deviation
    classifier = CLASSIFIERS[name].build()
    parameters = classifier.fit(
        stream(KEY, "classifier"), jnp.float32(features), jnp.maximum(pool.y, 0), jnp.int32(w), CLASSES
    )
    expected = classifier.logits(parameters, jnp.float32(asked), ALL)
    config = Probe(Pixels(), CLASSIFIERS[name], standardised=standardised, images_per_block=4)
    # Adam's first steps have one length whatever the gradient, so that rounding moves weights whose gradient is near 0.
    atol = 2e-2 if name == "linear" else 1e-3
    np.testing.assert_allclose(scores(config, pool, queries), expected, rtol=1e-3, atol=atol)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_samples_without_label_or_weight_have_no_influence(pool, name):
    config = Probe(SmallCNN((4,)), CLASSIFIERS[name])
    out = (pool.y < 0) | (pool.w == 0)
    garbage = pool._replace(x=jnp.where(out[:, None, None, None], 255, pool.x))
    queries = pool.x[:5]
    np.testing.assert_array_equal(scores(config, pool, queries), scores(config, garbage, queries))


def test_an_earlier_block_gives_its_pooled_maps(pool):
    """The probe of a block is that of the network which ends there."""
    whole = Probe(ResNet((1, 1), 0.0625), Prototype(), "stage1_block1")
    part = Probe(ResNet((1,), 0.0625), Prototype())
    state = whole.build(Adaptation()).init(KEY, pool, CLASSES)
    one, two = (scores(config, pool, pool.x[:5], state) for config in (whole, part))
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
    last = scores(dataclasses.replace(whole, block=None), pool, pool.x[:5], state)
    assert np.abs(one - last).max() > 1e-3
    with pytest.raises(InputError, match="block: 'stage9' found, expected one of stem, stage1_block1"):
        Probe(ResNet((1,)), block="stage9").build(Adaptation())


def test_it_takes_over_the_network_of_a_stage(pool):
    """Running statistics, too; the probe of a trained network is another than that of a random one."""
    network = SmallCNN((4,))
    earlier_method = ImageClassifier(network, batch_size=8).build(Adaptation())
    earlier = earlier_method.init(jax.random.key(9), pool, CLASSES)
    earlier, _ = jax.jit(earlier_method.fit)(earlier, pool, CLASSES, 3, 3)
    config = Probe(network, Prototype(), standardised=False)
    method = config.build(Adaptation())
    fresh = method.init(KEY, pool, CLASSES)
    assert method.adopt is not None
    adopted = method.adopt(KEY, fresh, earlier)
    after, _ = method.fit(adopted, pool, CLASSES, 1, 1)
    jax.tree.map(np.testing.assert_array_equal, after.variables, earlier.variables)
    outputs, _ = network.build().apply(earlier.variables, pool.x, BatchNormPolicy.running, None)
    w = jnp.where(pool.y >= 0, pool.w, 0)
    classifier = Prototype().build()
    parameters = classifier.fit(KEY, outputs.features, jnp.maximum(pool.y, 0), w, CLASSES)
    expected = classifier.logits(parameters, outputs.features[:5], ALL)
    taken = scores(config, pool, pool.x[:5], adopted)
    np.testing.assert_allclose(taken, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(taken - scores(config, pool, pool.x[:5], fresh)).max() > 1e-3


def test_embedding_is_the_classifiers(pool):
    config = Probe(SmallCNN((4,)), Softmax(5))
    method = config.build(Adaptation())
    predictor = method.predictor(method.init(KEY, pool, CLASSES), pool, CLASSES, NONE)
    order = jnp.array([2, 0])
    assert method.embedding is not None
    embedding = method.embedding(predictor, pool.x[:5], order)
    expected = method.logits(predictor, pool.x[:5], order) - predictor.classifier.bias[order]
    np.testing.assert_allclose(embedding.x @ embedding.weights.T, expected, rtol=1e-4, atol=1e-5)


def test_it_solves_at_once_and_knows_no_unseen_class():
    method = Probe(SmallCNN()).build(Adaptation())
    assert method.closed_form
    assert method.whole_pool
    with pytest.raises(InputError, match="no answer to the task zsl"):
        Probe().build(ZSL())
    with pytest.raises(InputError, match="images_per_block"):
        Probe(images_per_block=0)
