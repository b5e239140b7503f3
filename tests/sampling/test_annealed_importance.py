"""The likelihood estimate against closed forms, with and without a mask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from jzsl.sampling.annealed_importance import annealed_importance, inverse_temperatures
from jzsl.sampling.latent_model import LatentModel


@pytest.fixture
def linear(random):
    b, bias = random.normal(size=(6, 2)), random.normal(size=6)
    x = 1.5 * random.normal(size=(8, 2)) @ b.T + bias + 0.5 * random.normal(size=(8, 6))
    model = LatentModel(lambda z: jnp.float32(b) @ z + jnp.float32(bias), 2, 0.4)
    return model, b, bias, x


def estimates(model, x, observed=None, **options):
    keys = jax.random.split(jax.random.key(0), len(x))
    masks = jnp.ones(x.shape, bool) if observed is None else jnp.array(observed)
    return jax.jit(jax.vmap(lambda k, x, m: annealed_importance(k, model, x, m, **options)))(
        keys, jnp.float32(x), masks
    )


def test_temperatures_go_from_prior_to_posterior():
    beta = np.asarray(inverse_temperatures(50))
    assert (beta[0], beta[-1], len(beta)) == (0, 1, 51)
    assert (np.diff(beta) > 0).all()


def test_it_is_the_likelihood_of_a_linear_gaussian(linear):
    model, b, bias, x = linear
    exact = multivariate_normal.logpdf(x, bias, b @ b.T + 0.16 * np.eye(6))
    found = estimates(model, x, chains=512, temperatures=500)
    np.testing.assert_allclose(found.log_likelihood, exact, atol=0.15)
    assert abs(np.mean(found.log_likelihood - exact)) < 0.05
    assert (np.asarray(found.effective) > 100).all()
    assert 0.5 < np.asarray(found.acceptance).mean() < 1


def test_more_temperatures_are_more_precise_and_few_are_too_low_on_average(linear):
    """The logarithm of an unbiased estimate is too low on average, by Jensen."""
    model, b, bias, x = linear
    exact = multivariate_normal.logpdf(x, bias, b @ b.T + 0.16 * np.eye(6))
    few, many = (np.asarray(estimates(model, x, chains=2, temperatures=t).log_likelihood) - exact for t in (3, 300))
    assert few.mean() < many.mean() < 0.2
    assert np.abs(many).mean() < 0.3 * np.abs(few).mean()


def test_a_mask_leaves_the_likelihood_of_what_is_visible(linear, random):
    model, b, bias, x = linear
    observed = random.uniform(size=x.shape) < 0.5
    observed[:, 0] = True
    covariance = b @ b.T + 0.16 * np.eye(6)
    exact = [
        multivariate_normal.logpdf(row[m], bias[m], covariance[np.ix_(m, m)])
        for row, m in zip(x, observed, strict=True)
    ]
    found = estimates(model, np.where(observed, x, np.nan), observed, chains=512, temperatures=300)
    np.testing.assert_allclose(found.log_likelihood, exact, atol=0.15)


@pytest.mark.parametrize("x", [-0.3, 1.0])
def test_the_estimate_is_unbiased_where_g_is_not_linear(x):
    """One latent, g steep above 0 and flat below: E[p-hat] / p is 1 within four standard errors, p by quadrature."""
    model = LatentModel(lambda z: jnp.where(z > 0, 5 * z, 0.02 * z), 1, 0.3)

    def density(z):
        return norm.pdf(z) * norm.pdf(x, 5 * z if z > 0 else 0.02 * z, 0.3)

    exact = quad(density, -8, 8, points=[0, x / 5], limit=500)[0]
    one_chain = estimates(model, np.full((40_000, 1), x), chains=1, temperatures=20)
    ratio = np.exp(np.asarray(one_chain.log_likelihood, np.float64)) / exact
    error = ratio.std() / np.sqrt(len(ratio))
    assert error < 0.015
    assert abs(ratio.mean() - 1) < 4 * error
