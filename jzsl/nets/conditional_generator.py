"""The conditional generator g(C, Z) of the ABP paper, section 3.1, split after its class pre-activation.

The first layer acts on the concatenation [C, Z], so its pre-activation is one term of C plus one of Z. The class
pre-activation does not depend on Z: it is computed once per minibatch, not once per Langevin step.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Key

_INITIAL = nn.initializers.normal(0.02)


@runtime_checkable
class InitGeneratorNet(Protocol):
    def __call__(self, key: Key[Array, ""], semantics: Float[Array, " a"], /) -> Any:
        """Parameters, for semantics of this size."""
        ...


@runtime_checkable
class ClassPreactivation(Protocol):
    def __call__(self, params: Any, semantics: Float[Array, "*n a"], /) -> Float[Array, "*n h"]:
        """What g needs of each class."""
        ...


@runtime_checkable
class DecodeLatents(Protocol):
    def __call__(
        self, params: Any, class_preactivation: Float[Array, "*n h"], latents: Float[Array, "*n z"], /
    ) -> Float[Array, "*n d"]:
        """Features."""
        ...


class GeneratorNet(NamedTuple):
    """g as pure functions, as their protocols say."""

    init: InitGeneratorNet
    class_preactivation: ClassPreactivation
    decode: DecodeLatents


@runtime_checkable
class GeneratorNetConfig(Protocol):
    """A frozen dataclass that makes a network g.

    The parameters are those of a Flax module; the bias of its output has the name `output_bias`.
    """

    def build(self, features: int, hidden: int, latent: int) -> GeneratorNet:
        """The network.

        Args:
            features: d, the size of what it generates.
            hidden: nodes of its hidden layers, if it has any.
            latent: number of latent factors.
        """
        ...


@dataclass(frozen=True)
class MLP:
    """One hidden layer, LeakyReLU(0.2), ReLU output (ABP paper, section 5.1); weights N(0, 0.02^2), zero biases."""

    def build(self, features: int, hidden: int, latent: int) -> GeneratorNet:
        return _pure(_Mlp(features, hidden, latent))


@dataclass(frozen=True)
class LinearMap:
    """g(C, Z) = A C + B Z + b: with it ABP is factor analysis given the class. `hidden` is not used."""

    def build(self, features: int, hidden: int, latent: int) -> GeneratorNet:
        del hidden
        return _pure(_Linear(features, latent))


def feature_size(params) -> int:
    """d, read off the parameters of a generator network."""
    return params["params"]["output_bias"].shape[-1]


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


def _pure(module) -> GeneratorNet:
    return GeneratorNet(
        init=module.init,
        class_preactivation=lambda params, semantics: module.apply(params, semantics, method="class_preactivation"),
        decode=lambda params, preactivation, latents: module.apply(params, preactivation, latents, method="decode"),
    )
