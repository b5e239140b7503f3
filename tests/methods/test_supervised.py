"""The supervised base: soft labels are hard ones in the mean, both losses learn, domains share their classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.arrays import Arrays
from jzsl.data.digits_shift import DigitsShift
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import domain_adaptation
from jzsl.methods.losses import AVHLoss, SoftmaxLoss
from jzsl.methods.supervised import Supervised
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.zsl import ZSL
from jzsl.types import Setting


@pytest.fixture(scope="module")
def problem():
    return DigitsShift().load()


@pytest.fixture(scope="module")
def view(problem):
    return domain_adaptation(problem)


def trained(config, pool, classes, epochs):
    method = config.build(Adaptation())
    state, metrics = jax.jit(method.fit)(method.init(jax.random.key(0), pool, classes), pool, classes, epochs, epochs)
    return method, state, metrics


@pytest.mark.parametrize("config", [Supervised(64), Supervised(None), Supervised(64, AVHLoss())])
def test_it_learns_the_source(view, config):
    pool, classes = jax.device_put((view.pool, view.classes))
    method, state, _ = trained(config, pool, classes, 20)
    predictor = method.predictor(state, pool, classes, view.unseen)
    rows = slice(0, view.labelled)
    found = np.asarray(method.logits(predictor, pool.x[rows], view.seen)).argmax(1)
    assert np.mean(view.seen[found] == view.pool.y[rows]) > (0.75 if config.hidden is None else 0.9)
    assert method.embedding is not None
    embedding = method.embedding(predictor, pool.x[rows], view.seen[::-1].copy())
    other = method.logits(predictor, pool.x[rows], view.seen[::-1].copy())
    if config.loss == SoftmaxLoss():
        np.testing.assert_allclose(embedding.x @ embedding.weights.T, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(view.seen[::-1][np.asarray(other).argmax(1)], view.seen[found])


def test_one_hot_labels_are_hard_ones_and_the_loss_is_linear_in_them(view):
    pool, classes = jax.device_put((view.pool, view.classes))
    config = Supervised(16, batch_size=2048)
    hard = jax.nn.one_hot(pool.y, 10)
    _, one, _ = trained(config, pool, classes, 3)
    _, two, _ = trained(config, pool._replace(soft=hard), classes, 3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), one.params, two.params)
    other = jnp.roll(hard, 1, 1)
    soft_labels = (hard, other, hard + other)
    losses = [float(trained(config, pool._replace(soft=soft), classes, 1)[2]["loss"]) for soft in soft_labels]
    assert losses[2] == pytest.approx(losses[0] + losses[1], rel=1e-5)


def test_domains_share_classes_and_images_are_in_one_of_them(problem, view):
    assert len(problem.unseen_classes) == 0
    assert set(problem.labels[problem.splits.train]) == set(problem.labels[problem.splits.test_seen]) == set(range(10))
    assert (view.setting, view.unlabelled) == (Setting.adaptation, len(problem.splits.test_seen))
    assert view.candidates.open.all()
    np.testing.assert_array_equal(view.candidates.classes, np.arange(10))
    protocol = Protocol(problem, view)
    np.testing.assert_array_equal(protocol.samples(Adaptation()), view.pool.x[view.labelled :])
    with pytest.raises(InputError, match=r"test_unseen: no samples, so the task zsl"):
        protocol.queries(ZSL())
    clean, shifted = DigitsShift(1.0, 0.0, 0.0).load(), problem
    rows = problem.splits.train
    np.testing.assert_array_equal(clean.samples[rows], shifted.samples[rows])
    assert np.abs(clean.samples - shifted.samples).max(1)[problem.splits.test_seen].min() > 0.1
    with pytest.raises(InputError, match="contrast: 2"):
        DigitsShift(contrast=2).load()
    with pytest.raises(InputError, match="knows no unseen class"):
        Supervised().build(ZSL())


def test_plain_arrays_of_two_domains_need_no_semantics(tmp_path):
    path = tmp_path / "domains.npz"
    x = np.random.default_rng(0).normal(size=(12, 3))
    np.savez(path, features=x, labels=np.arange(12) % 3, train=np.arange(6), test_seen=np.arange(6, 12))
    problem = Arrays(path).load()
    np.testing.assert_array_equal(problem.semantics, np.eye(3))
    assert len(problem.splits.test_unseen) == 0
    np.savez(path, features=x, labels=np.arange(12) % 3, train=np.arange(6))
    with pytest.raises(InputError, match="test_unseen: missing"):
        Arrays(path).load()
