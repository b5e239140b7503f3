"""The two back-propagations that ABP alternates: inference of latents and learning of weights, and their measures.

Every equation number is the ABP paper's (Zhu et al. 2019); `jzsl.generators.abp` makes the algorithm of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.generators.observation_noise import ObservationNoise
from jzsl.nets.conditional_generator import GeneratorNet
from jzsl.sampling.chain import sample_chain
from jzsl.sampling.info import Info
from jzsl.sampling.kernel import Kernel, Potential
from jzsl.sampling.latent_model import Decode
from jzsl.sampling.stability import stability


class Learned(NamedTuple):
    """The part of the state that changes within an epoch."""

    params: Any
    optimizer: Any
    latents: Float[Array, "n z"]
    variance: Float[Array, " c_1"]


class Samples(NamedTuple):
    """Samples of a pool with the semantics and the observation noise of their classes."""

    x: Float[Array, "b d"]
    observed: Bool[Array, "b d"] | None
    y: Int[Array, " b"]
    semantics: Float[Array, "b a"]
    sigma: Float[Array, " b"]


def squared_error(
    x: Float[Array, "*n d"], generated: Float[Array, "*n d"], observed: Bool[Array, "*n d"] | None
) -> Float[Array, "*n"]:
    """||M o (X - g(C, Z))||^2 of each sample (section 4.2). An entry that is not observed has no influence at all."""
    residual = x - generated
    if observed is not None:
        residual = jnp.where(observed, residual, 0.0)
    return jnp.sum(residual**2, -1)


def potential(
    decode: Decode,
    x: Float[Array, " d"],
    observed: Bool[Array, " d"] | None,
    sigma: float | Float[Array, ""],
) -> Potential:
    """U(Z) = -log p(X, Z | C) up to a constant (eq. 2): ||X - g||^2 / (2 sigma^2) + ||Z||^2 / 2, of one sample."""
    return lambda z: squared_error(x, decode(z), observed) / (2 * sigma**2) + jnp.sum(z**2) / 2


def learning_loss(
    x: Float[Array, "b d"],
    generated: Float[Array, "b d"],
    observed: Bool[Array, "b d"] | None,
    sigma: float | Float[Array, ""] | Float[Array, " b"],
    valid: Float[Array, " b"],
) -> Float[Array, ""]:
    """||X - g||^2 / (2 sigma^2) summed over valid samples and divided by the minibatch size b.

    Its negative gradient in theta is eq. 8, up to the division, which Adam does not feel.
    """
    return jnp.sum(valid * squared_error(x, generated, observed) / (2 * sigma**2)) / len(x)


def infer(
    key: Key[Array, ""],
    kernel: Kernel,
    net: GeneratorNet,
    params: Any,
    samples: Samples,
    latents: Float[Array, "b z"],
    steps: int,
) -> tuple[Float[Array, "b z"], Info]:
    """Inferential back-propagation: `steps` Langevin steps of every sample's chain from its latents (eq. 6)."""

    def chain(key, z, preactivation, x, observed, sigma):
        energy = potential(lambda z: net.decode(params, preactivation, z), x, observed, sigma)
        return sample_chain(key, kernel, z, energy, steps)

    keys, preactivation = jax.random.split(key, len(latents)), net.class_preactivation(params, samples.semantics)
    end, info = jax.vmap(chain)(keys, latents, preactivation, samples.x, samples.observed, samples.sigma)
    return end.position, info


def learn(
    optimizer: optax.GradientTransformation,
    learning_rate: Float[Array, ""],
    net: GeneratorNet,
    noise: ObservationNoise,
    learned: Learned,
    samples: Samples,
    latents: Float[Array, "b z"],
    valid: Float[Array, " b"],
) -> tuple[Learned, Float[Array, ""]]:
    """Learning back-propagation: one step of theta on a minibatch (eqs. 7, 8), and of sigma where it is learned.

    Returns:
        What is learned after the step, and the loss before it, summed over valid samples.
    """
    x, observed, y, semantics, sigma = samples

    def loss(params):
        generated = net.decode(params, net.class_preactivation(params, semantics), latents)
        return learning_loss(x, generated, observed, sigma, valid), generated

    (value, generated), gradient = jax.value_and_grad(loss, has_aux=True)(learned.params)
    update, moments = optimizer.update(gradient, learned.optimizer)
    params = jax.tree.map(lambda p, u: p - learning_rate * u, learned.params, update)
    entries = jnp.full(len(x), x.shape[1], x.dtype) if observed is None else jnp.sum(observed, 1, x.dtype)
    variance = noise.update(learned.variance, squared_error(x, generated, observed), entries, y, valid)
    return learned._replace(params=params, optimizer=moments, variance=variance), value * len(x)


def learn_in_turn(
    step: Callable[..., tuple[Learned, Float[Array, ""]]],
    learned: Learned,
    batch_size: int,
    indices: Int[Array, " m"],
    latents: Float[Array, "m z"],
    valid: Float[Array, " m"],
) -> tuple[Learned, Float[Array, ""]]:
    """`step(learned, indices, latents, valid)` on each minibatch of samples whose latents were inferred together.

    Returns:
        What is learned after all steps, and the sum of the losses.
    """
    if len(indices) == batch_size:
        return step(learned, indices, latents, valid)

    def one(number, carry):
        learned, total = carry

        def part(array):
            return jax.lax.dynamic_slice_in_dim(array, number * batch_size, batch_size)

        learned, value = step(learned, part(indices), part(latents), part(valid))
        return learned, total + value

    used = (jnp.sum(valid).astype(jnp.int32) + batch_size - 1) // batch_size
    return jax.lax.fori_loop(0, used, one, (learned, jnp.float32(0)))


def stored(
    latents: Float[Array, "n z"], indices: Int[Array, " b"], valid: Float[Array, " b"], new: Float[Array, "b z"]
) -> Float[Array, "n z"]:
    """The latents of all samples with the new ones of a minibatch.

    Those of padding are dropped; of a sample that is drawn twice into the minibatch the first are kept.
    """
    earlier = jnp.tril(indices[:, None] == indices[None, :], -1).any(1)
    target = jnp.where((valid > 0) & ~earlier, indices, len(latents))
    return latents.at[target].set(new, mode="drop")


def step_stability(
    kernel: Kernel,
    step_size: Float[Array, ""],
    net: GeneratorNet,
    params: Any,
    samples: Samples,
    latents: Float[Array, "b z"],
    valid: Bool[Array, " b"],
) -> Float[Array, ""]:
    """Mean of `jzsl.sampling.stability` over the valid samples, at their latents."""

    def of_sample(z, preactivation, x, observed, sigma):
        energy = potential(lambda z: net.decode(params, preactivation, z), x, observed, sigma)
        root = getattr(kernel.init(z, energy), "root", None)
        return stability(energy, z, step_size, root)

    preactivation = net.class_preactivation(params, samples.semantics)
    values = jax.vmap(of_sample)(latents, preactivation, samples.x, samples.observed, samples.sigma)
    return jnp.sum(jnp.where(valid, values, 0.0)) / jnp.sum(valid)
