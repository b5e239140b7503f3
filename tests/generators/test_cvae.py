"""CVAE: its bound against closed forms, its masks, its samples."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.evaluation.views import inductive
from jzsl.generators.cvae import CVAE, elbo, kl_to_prior
from jzsl.nets.conditional_generator import LinearMap
from jzsl.nets.encoder import Diagonal, encoder
from jzsl.problem.transforms import Unscaled
from jzsl.types import ClassTable, Pool


def test_kl_is_the_integral(random):
    mean, log_variance = random.normal(size=3), random.normal(size=3)
    grid = np.linspace(-12, 12, 20_001)
    expected = 0.0
    for m, v in zip(mean, log_variance, strict=True):
        q: Any = norm(m, np.exp(v / 2))
        expected += np.trapezoid(q.pdf(grid) * (q.logpdf(grid) - norm.logpdf(grid)), grid)
    found = kl_to_prior(Diagonal(jnp.float32(mean), jnp.float32(log_variance)))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_bound_is_below_the_likelihood_and_tight_at_the_posterior(random):
    """x = B z + b + eps with orthogonal columns of B: then the posterior is a diagonal Gaussian."""
    columns = np.linalg.qr(random.normal(size=(5, 2)))[0] * [1.3, 0.7]
    bias, sigma = random.normal(size=5), 0.4
    x = random.normal(size=(200, 5)) + bias
    covariance: Any = columns @ columns.T + sigma**2 * np.eye(5)
    exact = multivariate_normal.logpdf(x, bias, covariance)
    precision = np.diag(columns.T @ columns) / sigma**2 + 1
    mean = (x - bias) @ columns / sigma**2 / precision
    decode = lambda z: z @ jnp.float32(columns.T) + jnp.float32(bias)  # noqa: E731

    def bound(mean, log_variance):
        posterior = Diagonal(jnp.float32(mean), jnp.float32(np.broadcast_to(log_variance, mean.shape)))
        draws = [
            elbo(decode, jnp.float32(x), None, posterior, jax.random.normal(jax.random.key(k), mean.shape), sigma)
            for k in range(400)
        ]
        return np.mean(draws, 0)

    tight = bound(mean, -np.log(precision))
    np.testing.assert_allclose(tight.mean(), exact.mean(), atol=0.02)
    loose = bound(mean + 0.5, -np.log(precision))
    gap = 0.5 * 0.25 * precision.sum()  # KL of a shifted posterior
    np.testing.assert_allclose((exact - loose).mean(), gap, rtol=0.05)


def test_training_brings_the_bound_to_the_exact_likelihood():
    """On held-out rows: below log p of the true model, and within 0.3 nats of it."""
    source = LinearGaussian(samples_per_class=200, features=8, semantics=4, latents=2)
    problem, truth = source.load(), source.truth()
    view = inductive(problem, Unscaled())
    pool, classes = jax.device_put((view.pool, view.classes))
    hyper = CVAE(hidden=64, latent=2, sigma=truth.sigma, learning_rate=3e-3, network=LinearMap())
    generator = hyper.build()
    state, _ = jax.jit(generator.fit)(generator.init(jax.random.key(0), pool, classes), pool, classes, 150, 150)
    rows = problem.splits.test_seen
    x, c = jnp.float32(problem.samples[rows]), jnp.float32(problem.required_semantics[problem.labels[rows]])
    posterior = encoder(64, 2).apply(state.params.encoder, x, c)
    p = state.params.decoder["params"]
    offset = c @ p["class_layer"]["kernel"] + p["output_bias"]
    decode = lambda z: offset + z @ p["latent_layer"]["kernel"]  # noqa: E731
    bound = np.mean(
        [
            elbo(decode, x, None, posterior, jax.random.normal(jax.random.key(k), (len(x), 2)), truth.sigma).mean()
            for k in range(50)
        ]
    )
    b = np.asarray(p["latent_layer"]["kernel"], np.float64).T
    covariance: Any = b @ b.T + truth.sigma**2 * np.eye(8)
    own = multivariate_normal.logpdf(np.asarray(x - offset, np.float64), cov=covariance).mean()
    best = truth.log_likelihood(problem.samples[rows], problem.required_semantics[problem.labels[rows]]).mean()
    assert bound < own
    assert own - 0.15 < bound
    assert best - 0.3 < bound < best + 0.05


def test_entries_that_are_not_visible_have_no_influence(pool, classes, random):
    observed = jnp.array(random.uniform(size=pool.x.shape) < 0.5)
    one = pool._replace(observed=observed)
    generator = CVAE(hidden=8, latent=2, batch_size=16).build()
    state = generator.init(jax.random.key(0), pool, classes)
    ends = [
        jax.jit(generator.fit)(state, part, classes, 2, 2)
        for part in (one, one._replace(x=jnp.where(observed, pool.x, jnp.nan)))
    ]
    jax.tree.map(np.testing.assert_array_equal, ends[0][0].params, ends[1][0].params)
    assert np.isfinite(float(ends[1][1]["loss"]))


def test_samples_carry_the_noise_that_was_asked_for(pool, classes):
    generator = CVAE(hidden=8, latent=2, sigma=0.5, network=LinearMap()).build()
    state = generator.init(jax.random.key(0), pool, classes)
    semantics = jnp.tile(classes.semantics[1], (20_000, 1))
    x, noisy = (generator.sample(jax.random.key(1), state, semantics, noise) for noise in (False, True))
    np.testing.assert_allclose(np.asarray(noisy - x).std(0), 0.5, rtol=0.05)


def test_the_size_of_table_3():
    """ABP paper, table 3: 21.90 M for VZSL on CUB; ours has a second head of 1.28 M for the variance."""
    pool = Pool(np.zeros((2, 2048), np.float32), np.zeros(2, np.int32), np.ones(2, np.int32))
    table = ClassTable(np.zeros((3, 312), np.float32), np.ones(3, bool))
    state = jax.eval_shape(lambda key: CVAE().build().init(key, pool, table), jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    head = 4096 * 312 + 312
    assert round((count - head) / 1e6, 2) == 21.90


@pytest.mark.parametrize(
    ("fields", "name"), [({"hidden": 0}, "hidden"), ({"sigma": 0}, "sigma"), ({"latent": 0}, "latent")]
)
def test_bad_settings_are_refused_by_name(fields, name):
    with pytest.raises(InputError, match=name):
        CVAE(**fields)
