"""Committees: scores by hand, what sets each member's scale, and rounds around them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.errors import InputError
from jzsl.evaluation.views import transductive
from jzsl.interfaces import Method
from jzsl.methods import committee as committees
from jzsl.methods.apn import APN
from jzsl.methods.committee import Committee, committee
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.exem import EXEM
from jzsl.methods.generative import Generative
from jzsl.methods.reverse_exem import ReverseEXEM
from jzsl.methods.s2v import S2V
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.self_training.priors.bbse import BBSE
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.state import Prepared
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import UNLABELLED, Pool


def fixed(weights, ruled_out=None) -> Method:
    """Scores x W, less infinity for one class."""

    def fit(state, pool, classes, epochs, total):
        del pool, classes, epochs, total
        return state, {"loss": jnp.float32(0)}

    def logits(predictor, x, candidates):
        scores = x @ jnp.asarray(weights)[:, candidates]
        return scores if ruled_out is None else jnp.where(candidates == ruled_out, -jnp.inf, scores)

    return Method(lambda key, pool, classes: (), fit, lambda *arguments: (), logits)


def made(method, pool, classes, unseen):
    state, _ = jax.jit(method.fit)(method.init(jax.random.key(0), pool, classes), pool, classes, 1, 1)
    return jax.jit(method.predictor)(state, pool, classes, unseen)


@pytest.mark.parametrize("reference", [1024, 16])
def test_scores_are_the_mean_of_standardised_ones(pool, classes, view, random, monkeypatch, reference):
    """The deviation is over present samples, by multiplicity, and unseen classes; where there are many, over evenly
    spaced ones."""
    monkeypatch.setattr(committees, "_REFERENCE", reference)
    w = random.integers(0, 3, len(pool.x))
    w[np.cumsum(w) > len(pool.x)] = 0
    pool = pool._replace(w=jnp.int32(w), x=jnp.where((w > 0)[:, None], pool.x, 1e6))
    one, two = random.normal(size=(2, 6, 8)).astype(np.float32) * np.array([[[1]], [[50]]], np.float32)
    method = committee((fixed(one), fixed(two)), 1.5)
    predictor = made(method, pool, classes, view.unseen)
    samples = np.repeat(np.arange(len(w)), w)
    if reference < len(samples):
        samples = samples[[number * len(samples) // reference for number in range(reference)]]
    x = np.asarray(pool.x, float)
    deviation = [(x[samples] @ part[:, view.unseen]).std() for part in (one, two)]
    np.testing.assert_allclose(predictor.deviation, deviation, rtol=1e-4)
    columns = jnp.array([1, 5, 7])
    expected = 1.5 * (x[:9] @ one[:, columns] / deviation[0] + x[:9] @ two[:, columns] / deviation[1]) / 2
    np.testing.assert_allclose(method.logits(predictor, pool.x[:9], columns), expected, rtol=1e-4, atol=1e-5)


def test_a_class_that_a_member_rules_out_is_out(pool, classes, view, random):
    one, two = random.normal(size=(2, 6, 8)).astype(np.float32)
    out = int(view.unseen[1])
    predictor = made(method := committee((fixed(one), fixed(two, out)), 1.0), pool, classes, view.unseen)
    scores = np.asarray(method.logits(predictor, pool.x, jnp.asarray(view.unseen)))
    assert np.isneginf(scores[:, 1]).all()
    assert np.isfinite(scores[:, [0, 2]]).all()
    others = np.asarray(pool.x @ two[:, view.unseen[[0, 2]]])
    assert float(predictor.deviation[1]) == pytest.approx(others.std(), rel=1e-4)


@pytest.mark.parametrize("constant", [3.0, np.inf])
def test_a_member_without_an_opinion_has_no_vote(pool, classes, view, random, constant):
    """Scores that are all equal, or all ruled out, have no scale; rounding errors are no opinion."""
    one = random.normal(size=(6, 8)).astype(np.float32)
    silent = fixed(np.zeros((6, 8)))
    noise = jnp.float32(2e-7 * random.normal(size=8))
    silent = silent._replace(
        logits=lambda predictor, x, candidates: jnp.full((len(x), len(candidates)), -constant) + noise[candidates]
    )
    predictor = made(method := committee((fixed(one), silent), 1.0), pool, classes, view.unseen)
    assert float(predictor.deviation[1]) == 1
    if np.isfinite(constant):
        scores = method.logits(predictor, pool.x, jnp.asarray(view.unseen))
        np.testing.assert_array_equal(scores.argmax(1), (pool.x @ one[:, view.unseen]).argmax(1))


def test_unlabelled_samples_set_the_scale_and_train_nothing(pool, classes, view):
    """Scales need no label; absent samples have no part even in them."""
    method = Committee((EXEM(), S2V(hidden=8, batch_size=16))).build(ZSL())
    hidden = jnp.arange(len(pool.x)) % 3 == 0
    absent = pool._replace(w=jnp.where(hidden, 0, pool.w))
    unlabelled = pool._replace(x=jnp.where(hidden[:, None], 7.0, pool.x), y=jnp.where(hidden, UNLABELLED, pool.y))
    one, two = (made(method, part, classes, view.unseen) for part in (absent, unlabelled))
    jax.tree.map(np.testing.assert_array_equal, one.members, two.members)
    assert (one.deviation != two.deviation).all()


def test_members_train_with_keys_and_metrics_of_their_own(pool, classes):
    method = Committee((S2V(hidden=8), S2V(hidden=8), ESZSL())).build(ZSL())
    state = method.init(jax.random.key(0), pool, classes)
    one, two = (jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(part.params)]) for part in state.members[:2])
    assert (one != two).any()
    _, metrics = method.fit(state, pool, classes, 1, 1)
    assert {"loss", "loss_0", "loss_1", "loss_2"} <= set(metrics)
    mean = np.mean([float(metrics[f"loss_{r}"]) for r in range(3)])
    assert float(metrics["loss"]) == pytest.approx(mean, rel=1e-5)


def test_what_a_committee_can_is_what_its_members_can():
    generator = Generative(per_class=3)
    assert Committee((EXEM(), ReverseEXEM())).build(ZSL()).takes_soft
    assert not Committee((EXEM(), ESZSL())).build(ZSL()).takes_soft
    assert Committee((EXEM(), ESZSL())).build(ZSL()).sample is None
    pretrained = Committee((APN(), APN(PretrainedEfficientNetLite0()))).build(ZSL())
    assert pretrained.takes_images
    assert pretrained.pretraining is not None
    assert not Committee((EXEM(), APN())).build(ZSL()).takes_images
    assert Committee((EXEM(), generator)).build(GZSL()).sample is not None
    with pytest.raises(InputError, match="members: none found, expected at least one method"):
        Committee(())
    with pytest.raises(InputError, match="sharpness: 0 found"):
        Committee(sharpness=0)


def test_one_compilation_serves_rounds_around_a_committee(problem):
    view = transductive(problem)
    arrays = jax.device_put((view.pool, view.classes, view.candidates))
    sths, traces = STHS(rounds=3, selection=TopConfidence(), average=True), []
    training: Any = sths.build(Committee().build(ZSL()), view.labelled, view.unlabelled)

    @jax.jit
    def step(*arguments):
        traces.append(1)
        return training.step(*arguments)

    state = training.init(jax.random.key(0), *arrays, Prepared(), sths.parameters(3))
    for t in range(4):
        state, metrics = step(state, *arrays, 1)
        assert float(metrics["selected"]) == view.unlabelled // 3 * t
    assert len(traces) == 1
    with pytest.raises(InputError, match="BBSE"):
        STHS(selection=PNCFBS(prior=BBSE())).build(Committee().build(ZSL()), view.labelled, view.unlabelled)


def test_a_pool_of_any_size_has_samples_to_measure_on(random):
    """Each index is that of a present sample, as long as there is any."""
    for n, absent in ((3, ()), (3, (0,)), (3, (0, 1, 2)), (5000, range(4000)), (5000, range(2, 5000)), (5000, ())):
        w = np.ones(n, np.int32)
        w[list(absent)] = 0
        pool = Pool(random.normal(size=(n, 2)), np.zeros(n, np.int32), w)
        chosen, valid = committees._spread(pool)
        counted = np.bincount(np.asarray(chosen)[np.asarray(valid)], minlength=n)
        assert not counted[w == 0].any()
        assert counted.sum() == min(w.sum(), 1024)
        assert counted.max() <= 1
