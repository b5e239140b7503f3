"""The detector by outlier exposure and the two experts behind it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.classifiers.outlier_exposure import OutlierExposure, best_threshold, detect, outlyingness
from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import transductive
from jzsl.keys import stream
from jzsl.methods.gated import Gated
from jzsl.methods.s2v import S2V
from jzsl.nets.embedding_classifier import embedding_classifier
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

HYPER = OutlierExposure(hidden=128, epochs=100, batch_size=32, learning_rate=3e-3)
CONFIG = Gated(S2V(hidden=32, batch_size=32), Softmax(epochs=80, batch_size=32), HYPER)


@pytest.fixture(scope="module")
def problem():
    """Classes far apart: each expert has an easy task."""
    source = LinearGaussian(classes=8, unseen=3, samples_per_class=40, features=10, semantics=5, latents=1, sigma=0.1)
    return source.load()


@pytest.fixture(scope="module")
def view(problem):
    return transductive(problem)


@pytest.fixture(scope="module")
def trained(view):
    method, pool, classes = CONFIG.build(GZSL()), *jax.device_put((view.pool, view.classes))
    state, _ = jax.jit(method.fit)(method.init(jax.random.key(0), pool, classes), pool, classes, 40, 40)
    return method, jax.jit(method.predictor)(state, pool, classes, view.unseen), state


def test_the_threshold_is_the_best_balanced_cut(random):
    for _ in range(20):
        group = random.integers(0, 3, 50)
        negative, positive = group == 0, group == 1
        score = (random.normal(size=50) + positive).round(1).astype(np.float32)  # some are equal
        cut = float(best_threshold(jnp.float32(score), jnp.array(negative), jnp.array(positive)))

        def balanced(at, score=score, negative=negative, positive=positive):
            return np.mean(score[negative] <= at) + np.mean(score[positive] > at)

        best = max(balanced(at) for at in np.sort(score))
        assert balanced(cut) == pytest.approx(best)


@pytest.fixture
def uneven(view):
    """The pool with a third of its unlabelled samples, its held-out samples, and a linear detector's settings.

    A minibatch is all samples that train, so every update is the gradient of the whole loss.
    """
    index = np.flatnonzero((view.pool.y >= 0) | (np.arange(len(view.pool.y)) % 3 == 0))
    pool = jax.tree.map(lambda leaf: jnp.asarray(leaf[index]), view.pool)
    y = np.asarray(pool.y)
    chosen = np.asarray(jax.random.uniform(stream(jax.random.key(3), "held out"), y.shape) < 0.2)
    held_out = (y >= 0) & chosen
    training = ((y >= 0) & ~chosen) | (y == -1)
    return pool, held_out, training, OutlierExposure(None, 0.7, epochs=6, batch_size=int(training.sum()))


def test_the_detector_s_loss_is_the_sum_of_two_means(view, uneven):
    """Six full-batch steps against Adam in NumPy: each group averages, targets of unlabelled samples are uniform."""
    pool, _, training, hyper = uneven
    detector = jax.jit(detect, static_argnums=0)(hyper, jax.random.key(3), pool, view.classes)
    net = embedding_classifier(len(view.classes.semantics), None)
    params = net.init(stream(jax.random.key(3), "parameters"), pool.x[0])
    weight = np.asarray(params["params"]["class_weights"], np.float64)
    x, y = np.asarray(pool.x, np.float64)[training], np.asarray(pool.y)[training]
    seen = np.asarray(view.classes.seen)
    target = np.where((y >= 0)[:, None], y[:, None] == np.arange(len(seen)), seen / seen.sum())
    share = np.where(y >= 0, 1 / np.sum(y >= 0), 0.7 / np.sum(y == -1))
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for step in range(1, 7):
        p = np.exp(x @ weight) * seen
        gradient = x.T @ (share[:, None] * (p / p.sum(1, keepdims=True) - target))
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        weight = weight - 1e-3 * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(detector.params["params"]["class_weights"], weight, atol=1e-5)


def test_the_threshold_is_chosen_by_samples_that_did_not_train(view, uneven):
    pool, held_out, _, hyper = uneven
    fit = jax.jit(detect, static_argnums=0)
    detector = fit(hyper, jax.random.key(3), pool, view.classes)
    score = outlyingness(hyper, detector._replace(threshold=jnp.float32(0)), pool.x)
    expected = best_threshold(score, jnp.asarray(held_out), pool.y == -1)
    assert float(detector.threshold) == pytest.approx(float(expected), rel=1e-5)
    other = pool._replace(x=jnp.where(jnp.asarray(held_out)[:, None], 1 - pool.x, pool.x))
    again = fit(hyper, jax.random.key(3), other, view.classes)
    jax.tree.map(np.testing.assert_array_equal, again.params, detector.params)


def test_the_detector_tells_the_groups_and_no_pseudo_label_matters(problem, view):
    pool, classes = jax.device_put((view.pool, view.classes))
    detector = jax.jit(detect, static_argnums=0)(HYPER, jax.random.key(0), pool, classes)
    rows = np.concatenate([problem.splits.test_seen, problem.splits.test_unseen])
    found = np.asarray(outlyingness(HYPER, detector, jnp.array(view.transform(problem.samples[rows]))))
    unseen = np.isin(problem.labels[rows], view.unseen)
    assert np.mean((found > 0) == unseen) > 0.9
    # Rounds write pseudo-labels of unseen classes and multiplicities into the pool; the detector stays the same.
    later = pool._replace(y=jnp.where(pool.y == -1, view.unseen[1], pool.y), w=jnp.where(pool.y == -1, 1, pool.w))
    again = jax.jit(detect, static_argnums=0)(HYPER, jax.random.key(0), later, classes)
    np.testing.assert_array_equal(detector.threshold, again.threshold)


def test_scores_are_the_experts_behind_the_gate(problem, view, trained):
    method, predictor, state = trained
    protocol = Protocol(problem, view)
    queries, x = protocol.queries(GZSL()), jnp.array(protocol.samples(GZSL()))
    scores = np.asarray(method.logits(predictor, x, queries.candidates))
    is_seen = np.isin(queries.candidates, view.seen)
    gate = np.asarray(outlyingness(HYPER, predictor.detector, x))
    np.testing.assert_array_equal(is_seen[scores.argmax(1)], gate <= 0)
    expert = S2V(hidden=32, batch_size=32).build(ZSL())
    alone = np.asarray(expert.logits(predictor.unseen, x, jnp.array(view.unseen)))
    np.testing.assert_array_equal(scores[:, ~is_seen].argmax(1), alone.argmax(1))
    numbers = protocol.score(GZSL(), scores)
    assert numbers["AUROC_test"] > 95
    assert numbers["S"] > 80
    zsl = CONFIG.build(ZSL())
    pool, classes = jax.device_put((view.pool, view.classes))
    ready = zsl.predictor(state, pool, classes, view.unseen)
    np.testing.assert_allclose(zsl.logits(ready, x, view.unseen), alone, rtol=1e-5)


def test_it_asks_for_a_separate_pool():
    data = LinearGaussian(classes=8, unseen=3, samples_per_class=20, features=6, semantics=4, latents=2)
    for self_training in (None, STHS(strict=True)):
        with pytest.raises(InputError, match="pool of their own"):
            Experiment(data, CONFIG, Train(epochs=2), (GZSL(),), self_training=self_training)
    with pytest.raises(InputError, match="threshold of its own"):
        Experiment(data, CONFIG, Train(epochs=2), (GZSL(),), calibration=True, self_training=STHS())
