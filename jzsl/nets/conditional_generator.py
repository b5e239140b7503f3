"""The conditional generator g(C, Z) of the ABP paper, section 3.1, split after its class pre-activation.

The first layer acts on the concatenation [C, Z], so its pre-activation is one term of C plus one of Z. The class
pre-activation does not depend on Z: it is computed once per minibatch, not once per Langevin step.
"""

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

_INITIAL = nn.initializers.normal(0.02)


class GeneratorNet(NamedTuple):
    """g as pure functions.

    Attributes:
        init: (key, semantics[a]) -> parameters.
        class_preactivation: (parameters, semantics[..., a]) -> the class pre-activation of the first layer.
        decode: (parameters, class_preactivation[..., :], latents[..., z]) -> features[..., d].
    """

    init: Callable[..., Any]
    class_preactivation: Callable[..., Float[Array, "..."]]
    decode: Callable[..., Float[Array, "..."]]


class _Mlp(nn.Module):
    features: int
    hidden: int
    latent: int

    def setup(self):
        self.class_layer = nn.Dense(self.hidden, kernel_init=_INITIAL)
        self.latent_layer = nn.Dense(self.hidden, kernel_init=_INITIAL, use_bias=False)
        self.output_layer = nn.Dense(self.features, kernel_init=_INITIAL, use_bias=False)
        self.output_bias = self.param("output_bias", nn.initializers.zeros, (self.features,))

    def class_preactivation(self, semantics):
        return self.class_layer(semantics)

    def decode(self, class_preactivation, latents):
        hidden = nn.leaky_relu(class_preactivation + self.latent_layer(latents), 0.2)
        return nn.relu(self.output_layer(hidden) + self.output_bias)

    def __call__(self, semantics):
        return self.decode(self.class_preactivation(semantics), jnp.zeros((*semantics.shape[:-1], self.latent)))


class _Linear(nn.Module):
    features: int
    latent: int

    def setup(self):
        self.class_layer = nn.Dense(self.features, kernel_init=_INITIAL, use_bias=False)
        self.latent_layer = nn.Dense(self.features, kernel_init=_INITIAL, use_bias=False)
        self.output_bias = self.param("output_bias", nn.initializers.zeros, (self.features,))

    def class_preactivation(self, semantics):
        return self.class_layer(semantics)

    def decode(self, class_preactivation, latents):
        return class_preactivation + self.latent_layer(latents) + self.output_bias

    def __call__(self, semantics):
        return self.decode(self.class_preactivation(semantics), jnp.zeros((*semantics.shape[:-1], self.latent)))


def mlp(features: int, hidden: int, latent: int) -> GeneratorNet:
    """One hidden layer, LeakyReLU(0.2), ReLU output (ABP paper, section 5.1); weights N(0, 0.02^2), zero biases."""
    return _pure(_Mlp(features, hidden, latent))


def linear(features: int, hidden: int, latent: int) -> GeneratorNet:
    """g(C, Z) = A C + B Z + b: with it ABP is factor analysis given the class. `hidden` is not used."""
    del hidden
    return _pure(_Linear(features, latent))


def feature_size(params) -> int:
    """d, read off the parameters of either network."""
    return params["params"]["output_bias"].shape[-1]


def _pure(module) -> GeneratorNet:
    return GeneratorNet(
        init=module.init,
        class_preactivation=lambda params, semantics: module.apply(params, semantics, method="class_preactivation"),
        decode=lambda params, preactivation, latents: module.apply(params, preactivation, latents, method="decode"),
    )


class GeneratorShape(enum.Enum):
    """The architecture of g."""

    mlp = enum.member(mlp)
    linear = enum.member(linear)
