"""Angles, AVH, AVC and the AVH loss: against float64 NumPy, and safe where the arc cosine is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.hardness.angular import angles, avc, avh, avh_loss
from jzsl.hardness.scores import hardness, within_classes
from jzsl.types import Embedding


@pytest.fixture
def embedding(random) -> Embedding:
    return Embedding(jnp.float32(random.normal(size=(20, 6))), jnp.float32(random.normal(size=(4, 6))))


def brute(embedding):
    x, w = (np.asarray(part, np.float64) for part in embedding)
    return np.array(
        [[np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for b in w] for a in x],
    )


def test_the_paper_s_equations(embedding, random):
    angle = brute(embedding)
    label = random.integers(0, 4, 20)
    found = angles(embedding)
    np.testing.assert_allclose(found, angle, atol=1e-5)
    own = angle[np.arange(20), label]
    np.testing.assert_allclose(avh(found, jnp.int32(label)), own / angle.sum(1), rtol=1e-4)
    np.testing.assert_allclose(avc(found), (np.pi - angle) / (np.pi - angle).sum(1, keepdims=True), rtol=1e-4)
    weight = np.exp(5 * (np.pi - angle))
    expected = -np.log(weight[np.arange(20), label] / weight.sum(1))
    np.testing.assert_allclose(avh_loss(found, jnp.int32(label), 5.0), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_only_directions_count(embedding, scale):
    np.testing.assert_allclose(
        angles(Embedding(scale * embedding.x, embedding.weights / scale)), angles(embedding), atol=1e-5
    )


def test_safe_at_zero_and_pi():
    """Rows along, against and across the weights, and a row and a weight of zeros."""
    weights = jnp.eye(3).at[2].set(0)
    x = jnp.array([[2.0, 0, 0], [-3.0, 0, 0], [0, 0, 1.0], [0.0, 0, 0], [1e-30, 0, 0], [1e30, 1e25, 0]])
    found = angles(Embedding(x, weights))
    np.testing.assert_allclose(found[:2, 0], [0, np.pi], atol=1e-7)
    np.testing.assert_allclose(found[2:4], np.pi / 2, atol=1e-6)
    label = jnp.zeros(4, jnp.int32)

    def everything(x, weights):
        angle = angles(Embedding(x, weights))
        loss = avh_loss(angle, label, 16.0).sum()
        return loss + avh(angle, label).sum() + avc(angle)[:, 0].sum() + angle.sum()

    for leaf in jax.tree.leaves(jax.value_and_grad(everything, (0, 1))(x[:4], weights)):
        assert np.isfinite(leaf).all()
    one = Embedding(jnp.ones((1, 2)), jnp.ones((1, 2)))
    assert float(avh(angles(one), jnp.zeros(1, jnp.int32))[0]) == 0  # 0 / 0: alone with its own class


def test_gradients_are_those_of_finite_differences(embedding):
    label = jnp.arange(20) % 4

    def total(x):
        return avh_loss(angles(Embedding(x, embedding.weights)), label, 3.0).sum()

    gradient = jax.grad(total)(embedding.x)
    step = np.zeros((20, 6), np.float32)
    step[7, 2] = 1e-2
    numeric = (total(embedding.x + step) - total(embedding.x - step)) / 2e-2
    np.testing.assert_allclose(gradient[7, 2], numeric, rtol=2e-2, atol=1e-3)


def test_scores_of_hardness(embedding, random):
    scores = random.normal(size=(20, 4)).astype(np.float32)
    label = random.integers(0, 4, 20)
    found = hardness(jnp.array(scores), embedding, jnp.int32(label))
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    for row in range(20):
        others = np.delete(scores[row], label[row])
        assert found.margin[row] == pytest.approx(others.max() - scores[row, label[row]], abs=1e-5)
        assert found.confidence[row] == pytest.approx(-p[row, label[row]], abs=1e-5)
        assert found.entropy[row] == pytest.approx(-(p[row] * np.log(p[row])).sum(), abs=1e-5)
        assert found.norm[row] == pytest.approx(-np.linalg.norm(embedding.x[row]), rel=1e-5)
    certain = hardness(jnp.array([[0.0, -jnp.inf]]), Embedding(jnp.ones((1, 2)), jnp.eye(2)), jnp.zeros(1, jnp.int32))
    assert float(certain.entropy[0]) == 0


def test_values_within_classes_go_from_0_to_1():
    values, label = jnp.array([3.0, 5.0, 4.0, 7.0, -1.0, -2.0]), jnp.array([0, 0, 0, 2, 1, 1])
    np.testing.assert_allclose(within_classes(values, label, 4), [0, 1, 0.5, 0, 1, 0])
