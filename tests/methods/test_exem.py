"""EXEM and its reverse, written out with SciPy and NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from jzsl.errors import InputError
from jzsl.methods.exem import EXEM, exemplars
from jzsl.methods.kernel_ridge import RBF, Linear
from jzsl.methods.reverse_exem import ReverseEXEM
from jzsl.tasks.zsl import ZSL


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.fixture
def pool(pool, random):
    """With multiplicities, a seen class less, and some samples of unseen class 7, as in self-training."""
    y = np.array(pool.y)
    y[-9:] = 7
    w = random.integers(0, 3, len(y)) * (y != 1)
    w[np.cumsum(w) > len(y)] = 0
    w[-9:] = 1
    return pool._replace(y=jnp.int32(y), w=jnp.int32(w))


def solved(method, pool, classes, view):
    state, metrics = jax.jit(method.fit)(method.init(jax.random.key(0), pool, classes), pool, classes, 1, 1)
    return state, method.predictor(state, pool, classes, view.unseen), float(metrics["loss"])


def means_of(pool, classes):
    x, y, w = np.asarray(pool.x, float), np.asarray(pool.y), np.asarray(pool.w)
    present = [c for c in range(8) if w[y == c].sum()]
    assert 7 in present
    assert 1 not in present
    means = np.stack([w[y == c] @ x[y == c] / w[y == c].sum() for c in present])
    seen = np.asarray(classes.seen)[present]
    return present, seen, means, (x, y, w)


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("kernel", [RBF(), RBF(0.4), Linear()])
def test_exem_is_the_closed_form(pool, classes, view, kernel, standardised):
    config = EXEM(kernel, ridge=0.2, standardised=standardised)
    method = config.build(ZSL())
    state, predictor, loss = solved(method, pool, classes, view)
    present, seen, means, (x, y, w) = means_of(pool, classes)
    s, centre = unit(np.asarray(classes.semantics, float)), means[seen].mean(0)
    width = np.median(pdist(s[present][seen]))

    def k(a, b):
        return a @ b.T if kernel == Linear() else np.exp(-(cdist(a, b) ** 2) / (2 * (kernel.width * width) ** 2))

    offset = means.mean(0)
    gram = k(s[present], s[present])
    alpha = np.linalg.solve(gram + 0.2 * np.eye(len(present)), means - offset)
    expected = offset + k(s, s[present]) @ alpha - centre
    np.testing.assert_allclose(predictor.exemplar, expected, rtol=1e-3, atol=1e-5)
    left = ((means - offset - gram @ alpha) ** 2).sum() / ((means - offset) ** 2).sum()
    assert loss == pytest.approx(left, rel=1e-3)
    np.testing.assert_allclose(exemplars(config, state, 3 * classes.semantics), predictor.exemplar, atol=1e-5)

    candidates, z = np.array([7, 5]), x[:10] - centre
    if standardised:
        variance = [
            np.average((x[y == c] - x[y == c].T @ w[y == c] / w[y == c].sum()) ** 2, 0, w[y == c]) for c in present
        ]
        deviation = np.sqrt(variance).mean(0)
        distance = cdist(z / deviation, expected[candidates] / deviation) ** 2
        scores = -(distance - ((z / deviation) ** 2).sum(1)[:, None]) / 2
        assert method.embedding is None
    else:
        scores = 10 * unit(z) @ unit(expected[candidates]).T
    ours = method.logits(predictor, jnp.float32(x[:10]), jnp.asarray(candidates))
    np.testing.assert_allclose(ours, scores, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kernel", [RBF(), RBF(0.4), Linear()])
def test_reverse_exem_is_the_closed_form(pool, classes, view, kernel):
    method = ReverseEXEM(kernel, ridge=0.2).build(ZSL())
    _, predictor, loss = solved(method, pool, classes, view)
    present, seen, means, (x, _, _) = means_of(pool, classes)
    s, origin = unit(np.asarray(classes.semantics, float)), means[seen].mean(0)
    v = unit(means - origin)
    width = np.median(pdist(v[seen]))

    def k(a, b):
        return a @ b.T if kernel == Linear() else np.exp(-(cdist(a, b) ** 2) / (2 * (kernel.width * width) ** 2))

    target = s[present] - s[present].mean(0)
    alpha = np.linalg.solve(k(v, v) + 0.2 * np.eye(len(present)), target)
    predicted = s[present].mean(0) + k(unit(x[:10] - origin), v) @ alpha
    middle, candidates = s[present][seen].mean(0), np.array([7, 5])
    expected = 10 * unit(predicted - middle) @ unit(s[candidates] - middle).T
    np.testing.assert_allclose(
        method.logits(predictor, jnp.float32(x[:10]), jnp.asarray(candidates)), expected, rtol=1e-3, atol=1e-3
    )
    assert loss == pytest.approx(((target - k(v, v) @ alpha) ** 2).sum() / (target**2).sum(), rel=1e-3)


@pytest.mark.parametrize("config", [EXEM(), EXEM(standardised=True), EXEM(Linear()), ReverseEXEM()])
def test_scores_are_numbers_where_there_is_little_to_learn_from(pool, classes, view, config):
    """No sample, one class, one sample of each class."""
    method = config.build(ZSL())
    first = np.unique(np.asarray(pool.y), return_index=True)[1]
    for w in (pool.w * 0, (pool.y == 2).astype(int), jnp.zeros_like(pool.w).at[first].set(1)):
        _, predictor, loss = solved(method, pool._replace(w=w), classes, view)
        assert np.isfinite(loss)
        assert np.isfinite(method.logits(predictor, pool.x, jnp.asarray(view.unseen))).all()


def test_soft_labels_that_are_certain_are_hard_ones(pool, classes, view):
    for config in (EXEM(standardised=True), ReverseEXEM()):
        method = config.build(ZSL())
        soft = pool._replace(soft=jax.nn.one_hot(pool.y, 8), y=jnp.zeros_like(pool.y))
        one, two = (
            method.logits(solved(method, part, classes, view)[1], pool.x, jnp.asarray(view.unseen))
            for part in (pool, soft)
        )
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("make", [EXEM, ReverseEXEM])
@pytest.mark.parametrize("name", ["ridge", "scale"])
def test_bad_settings_are_refused_by_name(make, name):
    with pytest.raises(InputError, match=f"{name}: -1 found, expected a positive number"):
        make(**{name: -1})
