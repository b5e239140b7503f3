"""The Langevin kernels against closed forms and against blackjax."""

from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.sgmcmc.diffusions import overdamped_langevin

from jzsl.generators.back_propagation import potential
from jzsl.sampling.chain import sample_chain
from jzsl.sampling.metropolis import metropolis
from jzsl.sampling.preconditioned import preconditioned
from jzsl.sampling.stability import stability
from jzsl.sampling.unadjusted import unadjusted

MEAN = np.array([1.0, -2.0, 0.5])
PRECISION = np.array([[4.0, 1.0, 0.0], [1.0, 2.0, 0.3], [0.0, 0.3, 1.0]])
KERNELS = {"unadjusted": unadjusted, "preconditioned": preconditioned, "metropolis": metropolis}


def quadratic(z):
    centred = z - MEAN.astype(np.float32)
    return centred @ PRECISION.astype(np.float32) @ centred / 2


def stationary_covariance(name, step_size):
    """In closed form, the bias of the discretisation included: S solves S = K S K' + s^2 P with K = I - s^2/2 P H."""
    exact, half = np.linalg.inv(PRECISION), step_size**2 / 2
    if name == "unadjusted":
        return np.linalg.inv(PRECISION @ (np.eye(3) - half / 2 * PRECISION))
    return exact / (1 - half / 2) if name == "preconditioned" else exact


def chains(kernel, energy, start, steps, seed=0):
    keys = jax.random.split(jax.random.key(seed), len(start))
    ends, info = jax.jit(jax.vmap(lambda key, z: sample_chain(key, kernel, z, energy, steps)))(keys, start)
    return np.asarray(ends.position, np.float64), info


def assert_moments(samples, mean, covariance):
    """Mean and covariance of independent samples within five Monte-Carlo standard errors."""
    count, variance = len(samples), np.diag(covariance)
    assert (np.abs(samples.mean(0) - mean) < 5 * np.sqrt(variance / count)).all()
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / count)
    assert (np.abs(np.cov(samples.T) - covariance) < 5 * error).all()


@pytest.mark.parametrize(("name", "step_size"), [("unadjusted", 0.5), ("preconditioned", 1.0), ("metropolis", 0.6)])
def test_gaussian_mean_and_covariance(name, step_size):
    start = jax.random.normal(jax.random.key(1), (20_000, 3))
    samples, info = chains(KERNELS[name](step_size), quadratic, start, 150)
    assert_moments(samples, MEAN, stationary_covariance(name, step_size))
    acceptance = float(info.acceptance.mean())
    assert acceptance == 1 if name != "metropolis" else 0.5 < acceptance < 0.99


@pytest.mark.parametrize("masked", [False, True])
def test_posterior_of_a_linear_gaussian_generator(random, masked):
    """X = h + B Z + eps: the posterior of Z is N(V B'M(x - h) / sigma^2, V), V = (B'M B / sigma^2 + I)^-1."""
    b, h, x, sigma = random.normal(size=(5, 2)), random.normal(size=5), random.normal(size=5), 0.7
    observed = np.array([True, False, True, True, False]) if masked else np.ones(5, bool)
    energy = potential(
        lambda z: jnp.float32(h) + jnp.float32(b) @ z, jnp.float32(x), jnp.array(observed) if masked else None, sigma
    )
    seen = b[observed]
    covariance = np.linalg.inv(seen.T @ seen / sigma**2 + np.eye(2))
    mean = covariance @ seen.T @ (x - h)[observed] / sigma**2
    samples, _ = chains(metropolis(0.6), energy, jax.random.normal(jax.random.key(3), (20_000, 2)), 150)
    assert_moments(samples, mean, covariance)


def test_preconditioning_makes_a_stiff_posterior_easy():
    """Curvatures 1 and 10,000: the plain step diverges at s = 1, the preconditioned one has converged."""
    scale = jnp.array([1.0, 1e4])

    def stiff(z):
        return jnp.sum(scale * z**2) / 2

    start = jax.random.normal(jax.random.key(1), (20_000, 2))
    samples, _ = chains(preconditioned(1.0), stiff, start, 30)
    assert_moments(samples, np.zeros(2), np.diag([1, 1e-4]) / 0.75)
    diverged, _ = chains(unadjusted(1.0), stiff, start[:10], 30)
    assert not np.isfinite(diverged).all()


@pytest.mark.parametrize("name", ["unadjusted", "preconditioned"])
def test_without_noise_the_step_is_gradient_descent(name):
    start, s = jnp.array([3.0, 3.0, 3.0]), 0.4
    matrix = np.eye(3) if name == "unadjusted" else np.linalg.inv(PRECISION)
    expected = np.asarray(start, np.float64)
    for _ in range(5):
        expected = expected - s**2 / 2 * matrix @ PRECISION @ (expected - MEAN)
    end, info = sample_chain(jax.random.key(0), KERNELS[name](s, temperature=0.0), start, quadratic, 5)
    np.testing.assert_allclose(end.position, expected, rtol=1e-5)
    energy = (np.asarray(start) - MEAN) @ PRECISION @ (np.asarray(start) - MEAN) / 2
    np.testing.assert_allclose(info.energy[0], energy, rtol=1e-5)
    np.testing.assert_allclose(info.gradient_norm[0], np.linalg.norm(PRECISION @ (np.asarray(start) - MEAN)), rtol=1e-5)


@pytest.mark.parametrize("name", ["unadjusted", "metropolis"])
def test_without_gradient_the_chain_is_a_random_walk(name):
    samples, info = chains(KERNELS[name](0.5), lambda z: jnp.sum(0 * z), jnp.zeros((20_000, 2)), 8)
    assert_moments(samples, np.zeros(2), 8 * 0.25 * np.eye(2))
    np.testing.assert_array_equal(info.acceptance, 1)


def test_unadjusted_agrees_with_blackjax_step_by_step():
    s, position = 0.5, jnp.array([1.0, 2.0, 3.0])
    kernel, other = unadjusted(s), overdamped_langevin()
    theirs: Any
    state, theirs = kernel.init(position, quadratic), position
    for key in jax.random.split(jax.random.key(5), 20):
        state, _ = kernel.step(key, state, quadratic)
        theirs = other(key, theirs, -jax.grad(quadratic)(theirs), s**2 / 2)
        np.testing.assert_allclose(state.position, theirs, rtol=1e-5, atol=1e-6)


def test_metropolis_agrees_with_blackjax_step_by_step():
    s, position = 0.9, jnp.array([1.0, 2.0, 3.0])
    kernel = metropolis(s)
    other: Any = blackjax.mala(lambda z: -quadratic(z), s**2 / 2)
    state, theirs = kernel.init(position, quadratic), other.init(position)
    accepted = 0
    for key in jax.random.split(jax.random.key(6), 60):
        before = state.position
        state, info = kernel.step(key, state, quadratic)
        theirs, their_info = other.step(key, theirs)
        np.testing.assert_allclose(info.acceptance, their_info.acceptance_rate, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(state.position, theirs.position, rtol=1e-4, atol=1e-5)
        accepted += bool((state.position != before).any())
    assert 10 < accepted < 55  # both outcomes were compared


def test_metropolis_rejects_what_is_not_finite():
    def wall(z):
        return jnp.where(z[0] > 0, jnp.nan, jnp.sum(z**2) / 2)

    samples, _ = chains(metropolis(0.8), wall, -jnp.ones((2_000, 1)), 50)
    assert np.isfinite(samples).all()
    assert (samples <= 0).all()


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_stability_tells_convergence_from_divergence(factor):
    """A measure just below 2 contracts without noise, just above 2 it does not."""
    largest = np.linalg.eigvalsh(PRECISION)[-1]
    s = np.sqrt(2 * 2 * factor / largest)
    start = jnp.array([3.0, 3.0, 3.0])
    np.testing.assert_allclose(stability(quadratic, start, s), 2 * factor, rtol=1e-5)
    end, _ = sample_chain(jax.random.key(0), unadjusted(s, temperature=0.0), start, quadratic, 400)
    distance = np.linalg.norm(np.asarray(end.position) - MEAN)
    assert distance < 1e-3 if factor < 1 else distance > 1e3


def test_stability_of_a_preconditioned_step_is_that_of_a_round_posterior():
    start = jnp.zeros(3)
    root = preconditioned(0.8).init(start, quadratic).root
    np.testing.assert_allclose(stability(quadratic, start, 0.8, root), 0.8**2 / 2, rtol=1e-5)


@pytest.mark.parametrize("name", KERNELS)
def test_a_runner_traces_once(name):
    traces = []

    @jax.jit
    def go(key, position):
        traces.append(1)
        return sample_chain(key, KERNELS[name](0.3), position, quadratic, 4)[0].position

    first = go(jax.random.key(0), jnp.zeros(3))
    second = go(jax.random.key(1), jnp.zeros(3))
    assert len(traces) == 1
    assert (first != second).any()


@pytest.mark.parametrize("make", [unadjusted, preconditioned])
def test_temperature_scales_the_variance_of_the_noise(make):
    """From the same key a step at temperature 1/4 lies half-way between those at 0 and at 1."""

    def end(temperature):
        kernel = make(0.3, temperature)
        start = kernel.init(jnp.array([1.0, -2.0]), lambda z: jnp.sum(z**2))
        return kernel.step(jax.random.key(0), start, lambda z: jnp.sum(z**2))[0].position

    np.testing.assert_allclose(end(0.25), (end(0.0) + end(1.0)) / 2, rtol=1e-5)
