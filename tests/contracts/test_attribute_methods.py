"""Zero-shot methods of images through the tests of every method: multiplicities, labels, chunks, traces, candidates."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.interfaces import Method
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN
from jzsl.methods.has import HAS
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import ReflectedTranslation
from jzsl.training.optimizers.adam import Adam
from jzsl.types import UNLABELLED, ClassTable, Pool
from tests.methods.images import UNSEEN, bars, problem

PLAIN = APN(SmallCNN((4, 6)), optimizer=Adam(1e-2), batch_size=16, augment=Sequence((ReflectedTranslation(1),)))
CONFIGS = {
    "apn": dataclasses.replace(PLAIN, warmup=1),
    "apn, maximum": dataclasses.replace(PLAIN, pooling="maximum", learned=("stage2",)),
    "has": HAS(PLAIN, AdversarialSamples(steps=1), probability=0.5),
}


@pytest.fixture(scope="module", params=CONFIGS)
def method(request) -> Method:
    return CONFIGS[request.param].build(ZSL())


@pytest.fixture(scope="module")
def fit(method):
    """Compiled once, as by the driver: another compilation is an error."""
    traces = []

    def once(state, pool, classes, epochs, total):
        traces.append(1)
        assert len(traces) == 1
        return method.fit(state, pool, classes, epochs, total)

    return jax.jit(once)


@pytest.fixture(scope="module")
def start(method):
    pool, classes = problem(40)
    return jax.jit(method.init)(jax.random.key(0), pool, classes)


def scores(method: Method, state, pool: Pool, classes: ClassTable, candidates=UNSEEN) -> np.ndarray:
    images = jnp.asarray(bars(np.tile(UNSEEN, 5), seed=9))
    predictor = method.predictor(state, pool, classes, jnp.asarray(UNSEEN))
    return np.asarray(jax.jit(method.logits)(predictor, images, jnp.asarray(candidates)))


def same(one, two) -> None:
    plain = [part._replace(key=jax.random.key_data(part.key)) for part in (one, two)]
    jax.tree.map(np.testing.assert_array_equal, *plain)


def test_absent_and_unlabelled_samples_have_no_influence(fit, start):
    """Not their pixels, not their labels; an unlabelled one is as good as absent, bit for bit."""
    pool, classes = problem(40)
    out = jnp.arange(40) % 3 == 0
    absent = pool._replace(w=jnp.where(out, 0, pool.w))
    bright = jnp.where(out[:, None, None, None], 255, pool.x).astype(jnp.uint8)
    garbage = absent._replace(x=bright, y=jnp.where(out, 7, pool.y))
    unlabelled = pool._replace(x=bright, y=jnp.where(out, UNLABELLED, pool.y))
    one, two, three = (fit(start, part, classes, 2, 2)[0] for part in (absent, garbage, unlabelled))
    same(one, two)
    same(one, three)
    assert np.isfinite(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(one.variables)])).all()


def test_chunks_of_epochs_do_not_matter(fit, start):
    pool, classes = problem(40)
    whole, _ = fit(start, pool, classes, 3, 3)
    part, _ = fit(start, pool, classes, 1, 3)
    same(fit(part, pool, classes, 2, 3)[0], whole)


def test_one_compilation_serves_all_chunks_weights_and_labels(fit, start):
    pool, classes = problem(40)
    for epochs, w in ((1, pool.w), (2, pool.w * (pool.y < 3)), (1, pool.w * 0)):
        _, metrics = fit(start, pool._replace(w=w, y=(pool.y + 1) % 6), classes, epochs, epochs)
        assert set(metrics) == {"loss", "localisation", "training_accuracy"}


def test_too_many_draws_are_reported_as_nan(fit, start):
    pool, classes = problem(40)
    _, metrics = fit(start, pool._replace(w=2 * pool.w), classes, 1, 1)
    assert np.isnan(metrics["loss"])


def test_weight_two_is_the_image_twice():
    """One minibatch without augmentation: sums over images alone."""
    pool, classes = problem(40)
    method = dataclasses.replace(PLAIN, batch_size=40, augment=Sequence()).build(ZSL())
    start, fit = jax.jit(method.init)(jax.random.key(0), pool, classes), jax.jit(method.fit)
    w = np.arange(40) % 3
    w[np.cumsum(w) > 40] = 0
    samples = np.pad(np.repeat(np.arange(40), w), (0, 40 - w.sum()))
    repeated = pool._replace(x=pool.x[samples], y=pool.y[samples], w=jnp.int32(np.arange(40) < w.sum()))
    one, two, plain = (
        scores(method, fit(start, part, classes, 3, 3)[0], part, classes)
        for part in (pool._replace(w=jnp.int32(w)), repeated, pool)
    )
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    assert np.abs(plain - one).max() > 10 * np.abs(two - one).max()


def test_scores_follow_the_candidates_and_both_tasks_have_one_training(method, start):
    pool, classes = problem(40)
    forward = scores(method, start, pool, classes, np.array([6, 1, 7]))
    np.testing.assert_allclose(scores(method, start, pool, classes, np.array([7, 6, 1])), forward[:, [2, 0, 1]])
    for config in CONFIGS.values():
        assert config.build(GZSL()).batch_size == 16


def test_methods_that_learn_from_semantics_say_so_where_there_are_none(method):
    pool, classes = problem(40)
    with pytest.raises(InputError, match="semantics: none found, but this method learns from one vector per class"):
        method.init(jax.random.key(0), pool, ClassTable(None, classes.seen))
