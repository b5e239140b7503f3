"""WGAN-GP: its penalty against finite differences, its estimate on known distributions, its rows and its classes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jzsl.errors import InputError
from jzsl.generators.wgan import WGAN, critic_loss, gradient_penalty
from jzsl.nets.critic import critic
from jzsl.types import ClassTable, Pool

SMALL = WGAN(hidden=16, latent=2, batch_size=16, critic_steps=2)


def plain(params):
    p = params["params"]
    arrays = (
        p["row_layer"]["kernel"],
        p["class_layer"]["kernel"],
        p["class_layer"]["bias"],
        p["output_layer"]["kernel"],
    )
    return [np.asarray(array, np.float64) for array in arrays]


def penalty_by_hand(arrays, x, c):
    """With one LeakyReLU layer the slope is W_x (slope of each node * w_out)."""
    row, half, bias, output = arrays
    active = np.where(x @ row + c @ half + bias > 0, 1.0, 0.2)
    slope = (active * output[:, 0]) @ row.T
    return ((np.linalg.norm(slope, axis=1) - 1) ** 2).mean()


def test_penalty_and_its_gradient_are_those_of_finite_differences(random):
    net = critic(7)
    x, c = random.normal(size=(5, 6)), random.normal(size=(5, 4))
    params = net.init(jax.random.key(0), jnp.float32(x[0]), jnp.float32(c[0]))
    leaves, structure = jax.tree.flatten(params)
    params = structure.unflatten([jnp.float32(random.normal(size=leaf.shape)) for leaf in leaves])

    def penalty(params):
        return gradient_penalty(lambda x, c: net.apply(params, x, c), jnp.float32(x), jnp.float32(c)).mean()

    arrays = plain(params)
    assert float(penalty(params)) == pytest.approx(penalty_by_hand(arrays, x, c), rel=1e-4)
    gradient = plain(jax.grad(penalty)(params))
    for which, place in ((0, (2, 3)), (0, (5, 0)), (3, (4, 0)), (3, (0, 0))):
        up, down = [a.copy() for a in arrays], [a.copy() for a in arrays]
        up[which][place] += 1e-6
        down[which][place] -= 1e-6
        difference = (penalty_by_hand(up, x, c) - penalty_by_hand(down, x, c)) / 2e-6
        np.testing.assert_allclose(gradient[which][place], difference, rtol=1e-3, atol=1e-5)


def test_a_critic_of_no_slope_has_a_finite_gradient():
    net = critic(3)
    params = jax.tree.map(jnp.zeros_like, net.init(jax.random.key(0), jnp.zeros(2), jnp.zeros(2)))

    def penalty(params):
        return gradient_penalty(lambda x, c: net.apply(params, x, c), jnp.ones((4, 2)), jnp.ones((4, 2))).sum()

    value, gradient = jax.value_and_grad(penalty)(params)
    assert float(value) == pytest.approx(4)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


def test_the_critic_estimates_the_distance_of_two_gaussians():
    """Of N(0, I) and N(m, I) the Wasserstein distance is |m|; conditioned on the class, m differs by class."""
    net, optimizer = critic(64), optax.adam(3e-3, b1=0.5)
    means = jnp.array([[1.5, 2.0], [0.0, -1.0]])  # distances 2.5 and 1
    semantics = jnp.eye(2)
    params = net.init(jax.random.key(0), means[0], semantics[0])

    def batch(key, size):
        keys = jax.random.split(key, 4)
        y = jax.random.randint(keys[0], (size,), 0, 2)
        real = means[y] + jax.random.normal(keys[1], (size, 2))
        return real, jax.random.normal(keys[2], (size, 2)), jax.random.uniform(keys[3], (size, 1)), semantics[y]

    def step(carry, key):
        params, moments = carry
        real, other, mixing, c = batch(key, 128)

        def loss(params):
            score = lambda x, c: net.apply(params, x, c)  # noqa: E731
            return critic_loss(score, real, other, mixing, c, jnp.ones(128), 10.0)

        gradient, estimate = jax.grad(loss, has_aux=True)(params)
        update, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(params, update), moments), estimate

    start = (params, optimizer.init(params))
    (params, _), _ = jax.jit(lambda c: jax.lax.scan(step, c, jax.random.split(jax.random.key(1), 1500)))(start)
    real, other, _, c = batch(jax.random.key(2), 20_000)
    gap = np.asarray(net.apply(params, real, c))
    gap_other = np.asarray(net.apply(params, other, c))
    for index, distance in ((0, 2.5), (1, 1.0)):
        of_class = np.asarray(c)[:, index] == 1
        assert gap[of_class].mean() - gap_other[of_class].mean() == pytest.approx(distance, rel=0.15)


def test_fillers_do_not_count(random):
    x, z, c = (jnp.float32(random.normal(size=shape)) for shape in ((6, 3), (6, 3), (6, 2)))
    mixing = jnp.float32(random.uniform(size=(6, 1)))
    score = lambda x, c: jnp.sin(x).sum(-1) + c.sum(-1)  # noqa: E731
    valid = jnp.array([1, 1, 1, 1, 0, 0], jnp.float32)
    whole = critic_loss(score, x, z, mixing, c, valid, 10.0)
    part = critic_loss(score, x[:4], z[:4], mixing[:4], c[:4], jnp.ones(4), 10.0)
    np.testing.assert_allclose(whole, part, rtol=1e-5)


def test_the_penalty_draws_the_critic_s_slope_to_one_as_its_weight_says(pool, classes):
    """Trained under a heavy penalty, a critic's slope on real rows is nearly 1; under a light one it is not."""
    x, c = np.asarray(pool.x, np.float64), np.asarray(classes.semantics, np.float64)[np.asarray(pool.y)]
    penalty = {}
    for weight in (1e-3, 1e3):
        generator = dataclasses.replace(SMALL, penalty=weight, classification=0, learning_rate=3e-3).build()
        state, _ = jax.jit(generator.fit)(generator.init(jax.random.key(0), pool, classes), pool, classes, 30, 30)
        penalty[weight] = penalty_by_hand(plain(state.critic), x, c)
    assert penalty[1e3] < 0.02
    assert penalty[1e-3] > 0.05


def test_classification_asks_about_seen_classes_only(pool, classes):
    """Rows of a class that is not seen train the same generator with and without that loss."""
    unseen, seen = (pool._replace(y=jnp.full_like(pool.y, label)) for label in (7, 0))
    of_unseen, of_seen = [], []
    for weight in (0.0, 0.5):
        generator = dataclasses.replace(SMALL, classification=weight).build()
        start, fit = generator.init(jax.random.key(0), unseen, classes), jax.jit(generator.fit)
        of_unseen.append(fit(start, unseen, classes, 2, 2)[0].params)
        of_seen.append(fit(start, seen, classes, 2, 2)[0].params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), *of_unseen)
    assert max(float(jnp.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, of_seen), strict=True)) > 1e-6


def test_classification_lowers_the_cross_entropy_of_generated_features(pool, classes, view):
    """Under a weight that drowns the critic, the frozen softmax gets surer of the class that was asked for."""
    generator = dataclasses.replace(SMALL, classification=1e3, learning_rate=1e-3).build()
    start = generator.init(jax.random.key(0), pool, classes)
    end, _ = jax.jit(generator.fit)(start, pool, classes, 20, 20)
    y = jnp.repeat(jnp.asarray(view.seen), 40)

    def entropy(state):
        x = generator.sample(jax.random.key(1), state, classes.semantics[y], False)
        scores = x @ start.classifier.weight + start.classifier.bias
        return float(optax.softmax_cross_entropy_with_integer_labels(scores, y).mean())

    assert entropy(end) < entropy(start) - 0.05


def test_generated_features_find_their_class(problem, pool, classes, view):
    """On the linear-Gaussian problem generated rows of a seen class lie nearest to its real mean."""
    generator = dataclasses.replace(SMALL, hidden=64, critic_steps=5, learning_rate=1e-3).build()
    state = generator.init(jax.random.key(0), pool, classes)
    state, metrics = jax.jit(generator.fit)(state, pool, classes, 150, 150)
    y = np.repeat(view.seen, 40)
    x = np.asarray(generator.sample(jax.random.key(1), state, classes.semantics[y], True))
    means = np.stack([np.asarray(pool.x)[np.asarray(pool.y) == c].mean(0) for c in view.seen])
    nearest = view.seen[((x[:, None] - means) ** 2).sum(-1).argmin(1)]
    assert (nearest == y).mean() > 0.6
    assert np.isfinite(float(metrics["wasserstein"]))


def test_entries_that_are_not_visible_have_no_influence(pool, classes, random):
    observed = jnp.array(random.uniform(size=pool.x.shape) < 0.5)
    one = pool._replace(observed=observed)
    generator, ends = SMALL.build(), []
    for part in (one, one._replace(x=jnp.where(observed, pool.x, jnp.nan))):
        state = generator.init(jax.random.key(0), part, classes)
        ends.append(jax.jit(generator.fit)(state, part, classes, 1, 1)[0].params)
    jax.tree.map(np.testing.assert_array_equal, *ends)


def test_the_size_of_table_3():
    """ABP paper, table 3: 20.62 M parameters on CUB, weights without biases."""
    generator = WGAN(classification=0).build()
    pool = Pool(np.zeros((2, 2048), np.float32), np.zeros(2, np.int32), np.ones(2, np.int32))
    table = ClassTable(np.zeros((3, 312), np.float32), np.ones(3, bool))
    state = jax.eval_shape(lambda key: generator.init(key, pool, table), jax.random.key(0))
    weights = sum(leaf.size for leaf in jax.tree.leaves((state.params, state.critic)) if leaf.ndim == 2)
    assert round(weights / 1e6, 2) == 20.62


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"hidden": 0}, "hidden"),
        ({"critic_steps": 0}, "critic_steps"),
        ({"latent": 0}, "latent"),
        ({"classification": -0.1}, "classification"),
        ({"penalty": 0}, "penalty"),
    ],
)
def test_bad_settings_are_refused_by_name(fields, name):
    with pytest.raises(InputError, match=name):
        WGAN(**fields)
