"""KCL and MCL: the similarity learned from labelled pairs, and what the clusters learn from it."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jzsl.config import Experiment, Train
from jzsl.data.clustered import Clustered
from jzsl.data.digits_images import DigitImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.two_moons import TwoMoons
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.learning_to_cluster import LearningToCluster
from jzsl.methods.pair_similarity import pair_head, pair_scores
from jzsl.metrics.clustering import clustering_accuracy
from jzsl.nets.mlp import MLP
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.resnet import ResNet
from jzsl.tasks.clustering import Clustering
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.noise import GaussianNoise
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.pair_losses.binary_cross_entropy import BinaryCrossEntropy
from jzsl.training.pair_losses.kcl import KCL
from jzsl.types import UNLABELLED, ClassTable, Pool
from tests.compiled import compiled
from tests.methods.images import bars

OLD, NEW = 13, 3
CLASSES = ClassTable(None, jnp.arange(OLD + 2 * NEW) < OLD, OLD + NEW + jnp.arange(NEW))
NETWORK = MLP((32,))
CONFIG = LearningToCluster(
    NETWORK,
    GaussianNoise(0.05),
    similarity_epochs=40,
    similarity_hidden=32,
    optimizer=Adam(1e-2),
    batch_size=100,
)
LOSSES = {"kcl": KCL(), "mcl": BinaryCrossEntropy()}


@pytest.fixture
def corners(random):
    """Classes are the corners of a cube of four dimensions, 20 samples each; 13 have labels. Also the true classes."""
    truth = np.arange(320) % 16
    places = random.permutation(2 * (np.arange(16)[:, None] >> np.arange(4) & 1) - 1)
    x = places[truth] + 0.2 * random.normal(size=(320, 4))
    y = np.where(truth < OLD, truth, UNLABELLED)
    return Pool(jnp.asarray(x, jnp.float32), jnp.asarray(y), jnp.ones(320, jnp.int32)), truth


def trained(config, pool, epochs, classes=CLASSES, seed=0):
    method = compiled(config, Discovery())
    state = method.init(jax.random.key(seed), pool, classes)
    return method, *method.fit(state, pool, classes, epochs, epochs)


@dataclass(frozen=True)
class Opposite:
    """Makes the view -x of a sample."""

    def build(self):
        return lambda key, x: -x


def by_running_statistics(similarity, x, threshold=0.5):
    """Which pairs the similarity takes to be of one class, by a loop over pairs."""
    outputs, _ = NETWORK.build().apply(similarity.variables, x, BatchNormPolicy.running, None)
    scores = scores_by_loops(similarity.head, np.asarray(outputs.features, np.float64))
    return 1 / (1 + np.exp(-scores)) > threshold


def scores_by_loops(head, features):
    hidden, score = jax.tree.map(np.asarray, head)
    scores = np.zeros((len(features), len(features)))
    for i, first in enumerate(features):
        for j, second in enumerate(features):
            inner = np.maximum(np.concatenate([first, second]) @ hidden.weight + hidden.bias, 0)
            scores[i, j] = inner @ score.weight[:, 0] + score.bias[0]
    return scores


def test_a_pair_is_scored_by_a_hidden_layer_on_both_features(random):
    head = jax.tree.map(lambda leaf: leaf + 0.1, pair_head(jax.random.key(0), 5, 7))
    features = random.normal(size=(6, 5))
    scores = pair_scores(head, jnp.asarray(features, jnp.float32))
    np.testing.assert_allclose(scores, scores_by_loops(head, features), rtol=1e-4, atol=1e-5)
    assert np.abs(scores - scores.T).max() > 0.01  # pairs have an order


def test_the_similarity_learns_labelled_pairs(corners):
    pool, _ = corners
    *_, metrics = trained(CONFIG, pool, 1)
    assert float(metrics["similarity_precision"]) > 0.9
    assert float(metrics["similarity_recall"]) > 0.9


def test_accuracy_precision_and_recall_are_those_of_pairs_of_different_samples(corners):
    """Of all pairs of a minibatch, counted by loops, before the similarity is without errors."""
    pool, truth = corners
    config = replace(CONFIG, similarity_epochs=28)
    _, state, _ = trained(config, pool, 1)
    known = truth < OLD
    _, metrics = compiled(replace(config, batch_size=int(known.sum())), Discovery()).fit(state, pool, CLASSES, 1, 2)
    connected = by_running_statistics(state.heads.similarity, pool.x[known])
    same, pairs = truth[known][:, None] == truth[known], ~np.eye(known.sum(), dtype=bool)
    right = (connected & same)[pairs].sum()
    assert float(metrics["similarity_accuracy"]) == pytest.approx((connected == same)[pairs].mean(), abs=1e-4)
    assert float(metrics["similarity_precision"]) == pytest.approx(right / connected[pairs].sum(), abs=1e-3)
    assert float(metrics["similarity_recall"]) == pytest.approx(right / same[pairs].sum(), abs=1e-3)
    assert 0.1 < float(metrics["similarity_recall"]) < 0.9


def predictions(state, x):
    outputs, _ = NETWORK.build().apply(state.variables, x, BatchNormPolicy.train, None)
    columns = outputs.features @ state.heads.clusters.weight + state.heads.clusters.bias
    return np.asarray(jax.nn.softmax(columns), np.float64)


@pytest.mark.parametrize("augment_first", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_clusters_minimise_the_loss_of_the_pairs_that_the_similarity_connects(corners, name, augment_first):
    """The similarity compares first views; the first sample of a pair is seen in the first view, the other one in the
    second."""
    pool, truth = corners
    config = replace(
        CONFIG,
        pair_loss=LOSSES[name],
        augment=Opposite(),
        augment_first=augment_first,
        threshold=0.45,
        optimizer=SGD(1e-7, l2=0.0),
    )
    _, state, metrics = trained(config, pool, 1)
    x = pool.x[truth >= OLD]
    first, second = (-x if augment_first else x), -x
    same = by_running_statistics(state.heads.similarity, first, 0.45) | np.eye(len(x), dtype=bool)
    assert (same != by_running_statistics(state.heads.similarity, first)).any()
    p, q = (predictions(state, view) for view in (first, second))
    losses = []
    for i in range(len(x)):
        for j in range(len(x)):
            if name == "mcl":
                losses.append(-np.log(p[i] @ q[j] if same[i, j] else 1 - p[i] @ q[j]))
            else:
                both = [np.sum(a * np.log(a / b)) for a, b in ((p[i], q[j]), (q[j], p[i]))]
                losses.append(sum(part if same[i, j] else max(0, 2 - part) for part in both))
    others = ~np.eye(len(x), dtype=bool)
    assert float(metrics["pair_loss"]) == pytest.approx(np.mean(losses), rel=1e-3)
    assert float(metrics["connected"]) == pytest.approx(same[others].mean(), abs=1e-3)
    assert 0 < same[others].mean() < 1


@pytest.mark.parametrize("name", LOSSES)
def test_new_classes_are_found_by_what_labelled_ones_have_taught(corners, name):
    pool, truth = corners
    method, state, _ = trained(replace(CONFIG, pair_loss=LOSSES[name]), pool, 60)
    predictor = method.predictor(state, pool, CLASSES, CLASSES.clusters)
    new = truth >= OLD
    scores = np.asarray(method.logits(predictor, pool.x, CLASSES.clusters))[new]
    assert clustering_accuracy(truth[new] - OLD, scores.argmax(1)) > 0.9  # 1/3 by chance


def test_the_similarity_is_learned_once_and_from_labelled_samples_alone(corners):
    """It does not change after the first epoch, nor with what is unlabelled; and no predictor holds it."""
    pool, truth = corners
    method, one, _ = trained(CONFIG, pool, 1)
    more, _ = method.fit(one, pool, CLASSES, 2, 3)
    jax.tree.map(np.testing.assert_array_equal, more.heads.similarity, one.heads.similarity)
    assert np.any(np.asarray(more.heads.clusters.weight) != np.asarray(one.heads.clusters.weight))
    other = pool._replace(x=jnp.where(jnp.asarray(truth < OLD)[:, None], pool.x, -2 * pool.x))
    jax.tree.map(np.testing.assert_array_equal, trained(CONFIG, other, 1)[1].heads.similarity, one.heads.similarity)
    start = method.init(jax.random.key(0), pool, CLASSES)
    none, _ = method.fit(start, pool, CLASSES, 0, 1)
    jax.tree.map(np.testing.assert_array_equal, none.heads, start.heads)
    predictor = method.predictor(one, pool, CLASSES, CLASSES.clusters)
    jax.tree.map(np.testing.assert_array_equal, predictor.heads, one.heads.clusters)


def test_the_similarity_learns_augmented_samples(corners):
    pool, _ = corners
    config = replace(CONFIG, augment=Opposite())
    one, other = (
        trained(each, data, 1)[1].heads.similarity
        for each, data in ((config, pool), (replace(config, augment=Sequence()), pool._replace(x=-pool.x)))
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_both_networks_start_from_the_stage_before(corners):
    pool, _ = corners
    _, earlier, _ = trained(ImageClassifier(NETWORK, augment=Sequence(), batch_size=100), pool, 1)
    method = compiled(CONFIG, Discovery())
    assert method.adopt is not None
    state = method.init(jax.random.key(0), pool, CLASSES)
    state = method.adopt(jax.random.key(1), state, earlier)
    for variables in (state.variables, state.heads.similarity.variables):
        jax.tree.map(np.testing.assert_array_equal, variables, earlier.variables)


def test_images():
    truth = np.arange(48) % 6
    pool = Pool(jnp.asarray(bars(truth)), jnp.asarray(np.where(truth < 4, truth, UNLABELLED)), jnp.ones(48, jnp.int32))
    classes = ClassTable(None, jnp.arange(8) < 4, jnp.array([6, 7]))
    config = replace(CONFIG, network=ResNet((1,), 0.1), learned=("stage1",), similarity_epochs=2, batch_size=16)
    method, state, metrics = trained(config, pool, 1, classes)
    start = method.init(jax.random.key(0), pool, classes)
    for network in (state, state.heads.similarity):
        moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), network.variables["params"], start.variables["params"])
        assert not any(jax.tree.leaves(moved["stem"]))
        assert all(jax.tree.leaves(moved["stage1_block1"]))
    assert all(np.isfinite(value) for value in metrics.values())


def test_data_without_labels_are_refused(tmp_path):
    experiment = Experiment(Clustered(TwoMoons(60)), CONFIG, Train(epochs=1), (Clustering(),), seeds=1)
    with pytest.raises(InputError, match="no labelled samples found, but the method learns from some first"):
        run(experiment, tmp_path / "run", False, Console(quiet=True))


def test_labels_of_one_class_are_refused(tmp_path):
    data = NewClasses(DigitImages(unseen=()), new=tuple("123456789"))
    experiment = Experiment(data, CONFIG, Train(epochs=1), (Discovery(),), seeds=1)
    with pytest.raises(InputError, match="labelled samples of one class found, expected two classes or more"):
        run(experiment, tmp_path / "run", False, Console(quiet=True))
