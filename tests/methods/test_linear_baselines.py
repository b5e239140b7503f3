"""SAE against SciPy, the rankings of ALE, DeViSE and SJE against loops, their descent against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jzsl.errors import InputError
from jzsl.methods.ale import ALE, ale_loss
from jzsl.methods.compatibility import hinges
from jzsl.methods.devise import DeViSE, devise_loss
from jzsl.methods.sae import SAE
from jzsl.methods.sje import SJE, sje_loss
from jzsl.tasks.zsl import ZSL


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture
def weighted(pool, random):
    w = random.integers(0, 3, len(pool.x)) * (np.asarray(pool.y) != 1)
    w[np.cumsum(w) > len(pool.x)] = 0
    return pool._replace(w=jnp.int32(w))


def test_sae_solves_its_sylvester_equation(weighted, classes):
    """Rows repeated by multiplicity, SciPy's solver in float64."""
    method = SAE(lam=0.3).build(ZSL())
    state, metrics = method.fit(method.init(jax.random.key(0), weighted, classes), weighted, classes, 1, 1)
    w, y = np.asarray(weighted.w), np.asarray(weighted.y)
    x = np.repeat(unit(np.asarray(weighted.x, np.float64)), w, 0).T
    s = np.repeat(unit(np.asarray(classes.semantics, np.float64))[y], w, 0).T
    raised = [gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram)) for gram in (s @ s.T, x @ x.T)]
    expected = scipy.linalg.solve_sylvester(raised[0], 0.3 * raised[1], 1.3 * s @ x.T)
    np.testing.assert_allclose(state.encoder, expected, rtol=2e-3, atol=1e-4)
    error = ((x - expected.T @ s) ** 2).sum() + 0.3 * ((expected @ x - s) ** 2).sum()
    assert float(metrics["loss"]) == pytest.approx(error / x.shape[1], rel=1e-3)


@pytest.mark.parametrize("decode", [True, False])
def test_sae_ranks_by_cosine(weighted, classes, random, decode):
    method = SAE(decode=decode).build(ZSL())
    state, _ = method.fit(method.init(jax.random.key(0), weighted, classes), weighted, classes, 1, 1)
    x, unseen = random.normal(size=(20, 6)), np.array([5, 6, 7], np.int32)
    scores = method.logits(method.predictor(state, weighted, classes, unseen), jnp.float32(x), unseen)
    encoder, semantics = np.asarray(state.encoder), unit(np.asarray(classes.semantics))[unseen]
    a, b = (x, semantics @ encoder) if decode else (x @ encoder.T, semantics)
    np.testing.assert_array_equal(np.argmax(scores, 1), np.argmax(unit(a) @ unit(b).T, 1))


@pytest.fixture
def case(random):
    scores, y = random.normal(size=(30, 7)), random.integers(0, 7, 30)
    present = np.array([1, 1, 0, 1, 1, 0, 1], bool)
    return scores, y, present, hinges(jnp.float32(scores), jnp.int32(y), jnp.array(present), 0.4)


def loops(scores, y, present, margin):
    """The positive hinges of each row."""
    for row, right in zip(scores, y, strict=True):
        found = [margin + row[c] - row[right] for c in range(len(row)) if c != right and present[c]]
        yield [h for h in found if h > 0]


def test_rankings_are_those_of_loops(case):
    scores, y, present, hinge = case
    lists = list(loops(scores, y, present, 0.4))
    np.testing.assert_allclose(devise_loss(hinge), [sum(h) for h in lists], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sje_loss(hinge), [max(h, default=0) for h in lists], rtol=1e-5, atol=1e-6)
    expected = [sum(1 / (i + 1) for i in range(len(h))) / max(len(h), 1) * sum(h) for h in lists]
    np.testing.assert_allclose(ale_loss(hinge), expected, rtol=1e-5, atol=1e-6)
    assert {len(h) for h in lists} >= {0, 1, 4}


@pytest.mark.parametrize(("config", "name"), [(ALE, "ale"), (DeViSE, "devise"), (SJE, "sje")])
def test_a_full_batch_step_is_the_subgradient(weighted, classes, config, name):
    method = config(margin=0.3, learning_rate=0.7, batch_size=len(weighted.x)).build(ZSL())
    start = method.init(jax.random.key(0), weighted, classes)
    end, _ = jax.jit(method.fit)(start, weighted, classes, 1, 1)
    w, y = np.asarray(weighted.w), np.asarray(weighted.y)
    x, s = unit(np.asarray(weighted.x, np.float64)), unit(np.asarray(classes.semantics, np.float64))
    bilinear = np.asarray(start.bilinear, np.float64)
    present, gradient = np.isin(np.arange(8), y[w > 0]), np.zeros_like(bilinear)
    for row in np.flatnonzero(w):
        score = x[row] @ bilinear @ s.T
        hinge = {c: 0.3 + score[c] - score[y[row]] for c in range(8) if c != y[row] and present[c]}
        violators = [c for c in hinge if hinge[c] > 0]
        if not violators:
            continue
        weight = 1.0
        if name == "ale":
            weight = sum(1 / (i + 1) for i in range(len(violators))) / len(violators)
        if name == "sje":
            violators = [max(violators, key=hinge.__getitem__)]
        gradient += w[row] * weight * np.outer(x[row], sum(s[c] - s[y[row]] for c in violators))
    np.testing.assert_allclose(end.bilinear, bilinear - 0.7 * gradient / len(x), rtol=1e-3, atol=1e-5)


def test_bad_settings_of_sae_are_refused():
    with pytest.raises(InputError, match="lam"):
        SAE(lam=0)
    with pytest.raises(InputError, match="ridge"):
        SAE(ridge=0)


@pytest.mark.parametrize("config", [ALE, DeViSE, SJE])
def test_bad_settings_of_rankings_are_refused(config):
    with pytest.raises(InputError, match="margin"):
        config(margin=0)
