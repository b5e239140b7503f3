"""Conditional variational autoencoder of features, the family of VZSL (Wang et al. 2018; Kingma and Welling 2014).

The model is eq. 1 of the ABP paper, Z ~ N(0, I) and X = g(C, Z) + N(0, sigma^2 I), so that the two differ in their
inference alone: here an encoder q(Z | X, C) is learned beside g. VZSL's prior depends on the class; here the
decoder does, and the prior does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.errors import InputError, require_positive
from jzsl.generators.generator import Generator
from jzsl.keys import stream
from jzsl.nets.conditional_generator import MLP, GeneratorNetConfig, feature_size
from jzsl.nets.encoder import Diagonal, encoder
from jzsl.sampling.latent_model import LatentModel
from jzsl.training.descent import descend
from jzsl.training.minibatch import labelled, minibatch
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class CVAE:
    """Conditional variational autoencoder."""

    hidden: int = 4096
    """nodes of the hidden layers of encoder and decoder"""
    latent: int | None = None
    """number of latent factors; None: as many as the class semantics have dimensions"""
    sigma: float = 0.3
    """standard deviation of X given Z and C, in units of the scaled features"""
    batch_size: int = 64
    """samples of a minibatch"""
    learning_rate: float = 1e-3
    """of Adam, with beta 0.9 and 0.999"""
    network: GeneratorNetConfig = MLP()
    """the family of the decoder"""

    def __post_init__(self):
        require_positive(self, "hidden", "sigma", "batch_size", "learning_rate")
        if self.latent is not None and self.latent < 1:
            raise InputError(f"latent: {self.latent} found, expected at least 1")

    def build(self) -> Generator:
        return cvae(self)


class Networks(NamedTuple):
    """Parameters of g and of q."""

    decoder: Any
    encoder: Any


class CVAEState(NamedTuple):
    """Parameters, Adam's moments, base key, epochs done."""

    params: Networks
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


def kl_to_prior(posterior: Diagonal) -> Float[Array, "*n"]:
    """KL(q || N(0, I)) in nats, of each sample."""
    mean, log_variance = posterior
    return 0.5 * jnp.sum(jnp.exp(log_variance) + mean**2 - 1 - log_variance, -1)


def elbo(
    decode: Callable[[Float[Array, "b z"]], Float[Array, "b d"]],
    x: Float[Array, "b d"],
    observed: Bool[Array, "b d"] | None,
    posterior: Diagonal,
    noise: Float[Array, "b z"],
    sigma: float,
) -> Float[Array, " b"]:
    """log p(X | Z, C) - KL(q || p) at one Z ~ q, an unbiased estimate of the ELBO, a lower bound of
    log p(X | C), in nats.

    Args:
        decode: g of these samples' classes.
        x: samples.
        observed: their observed entries, the only ones that count.
        posterior: q(Z | X, C).
        noise: N(0, I), the reparametrised draw.
        sigma: standard deviation of the observation noise.
    """
    latents = posterior.mean + jnp.exp(posterior.log_variance / 2) * noise
    log_density = -0.5 * ((x - decode(latents)) / sigma) ** 2 - jnp.log(sigma) - 0.5 * jnp.log(2 * jnp.pi)
    if observed is not None:
        log_density = jnp.where(observed, log_density, 0.0)
    return jnp.sum(log_density, -1) - kl_to_prior(posterior)


def cvae(hyper: CVAE) -> Generator:
    """The generator as pure functions. The encoder sees zeros where entries are not observed."""
    optimizer = optax.adam(hyper.learning_rate)

    def latents_of(dimensions: int) -> int:
        return dimensions if hyper.latent is None else hyper.latent

    def networks(features: int, dimensions: int):
        size = latents_of(dimensions)
        return hyper.network.build(features, hyper.hidden, size), encoder(hyper.hidden, size)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> CVAEState:
        decoder_net, encoder_net = networks(pool.x.shape[1], classes.required_semantics.shape[1])
        semantics = jnp.asarray(classes.required_semantics[0])
        params = Networks(
            decoder_net.init(stream(key, "parameters"), semantics),
            encoder_net.init(stream(key, "encoder"), jnp.asarray(pool.x[0]), semantics),
        )
        return CVAEState(params, optimizer.init(params), key, jnp.int32(0))

    def fit(
        state: CVAEState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[CVAEState, Metrics]:
        pool = labelled(pool)
        dimensions = classes.required_semantics.shape[1]
        decoder_net, encoder_net = networks(pool.x.shape[1], dimensions)

        def loss(params: Networks, key, indices, valid):
            x, observed, y = minibatch(pool, indices)
            semantics = classes.required_semantics[y]
            if observed is not None:
                x = jnp.where(observed, x, 0.0)
            posterior = encoder_net.apply(params.encoder, x, semantics)
            preactivation = decoder_net.class_preactivation(params.decoder, semantics)
            noise = jax.random.normal(stream(key, "latents"), posterior.mean.shape)
            value = elbo(
                lambda z: decoder_net.decode(params.decoder, preactivation, z),
                x,
                observed,
                posterior,
                noise,
                hyper.sigma,
            )
            count = jnp.sum(valid)
            metrics = {
                "loss": -jnp.sum(valid * value) / count,
                "kl": jnp.sum(valid * kl_to_prior(posterior)) / count,
            }
            return -jnp.sum(valid * value) / hyper.batch_size, metrics

        key = stream(state.key, "training")
        params, moments, metrics = descend(
            loss, optimizer, state.params, state.optimizer, key, pool.w, state.epoch, epochs, hyper.batch_size
        )
        return CVAEState(params, moments, state.key, state.epoch + epochs), metrics

    def sample(
        key: Key[Array, ""], state: CVAEState, semantics: Float[Array, "m a"], noise: bool
    ) -> Float[Array, "m d"]:
        params = state.params.decoder
        net, _ = networks(feature_size(params), semantics.shape[1])
        latents = jax.random.normal(stream(key, "latents"), (len(semantics), latents_of(semantics.shape[1])))
        generated = net.decode(params, net.class_preactivation(params, semantics), latents)
        if not noise:
            return generated
        return generated + hyper.sigma * jax.random.normal(stream(key, "noise"), generated.shape)

    def latent_model(state: CVAEState, semantics: Float[Array, " a"]) -> LatentModel:
        params, size = state.params.decoder, latents_of(len(semantics))
        net, _ = networks(feature_size(params), len(semantics))
        preactivation = net.class_preactivation(params, semantics)
        return LatentModel(lambda z: net.decode(params, preactivation, z), size, hyper.sigma)

    return Generator(init, fit, sample, latent_model=latent_model, batch_size=hyper.batch_size)
