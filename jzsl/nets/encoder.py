"""The conditional encoder of the CVAE: a Gaussian over latents for a feature vector and its class."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import linen as nn
from jaxtyping import Array, Float

_INITIAL = nn.initializers.normal(0.02)


class Diagonal(NamedTuple):
    """A Gaussian of independent coordinates."""

    mean: Float[Array, "*n z"]
    log_variance: Float[Array, "*n z"]


class EncoderNet(NamedTuple):
    """Pure functions: init (key, x[d], semantics[a]) -> parameters, apply (parameters, x, semantics) -> Diagonal."""

    init: Callable[..., Any]
    apply: Callable[..., Diagonal]


class _Encoder(nn.Module):
    hidden: int
    latent: int

    @nn.compact
    def __call__(self, x, semantics):
        class_preactivation = nn.Dense(self.hidden, kernel_init=_INITIAL, name="class_layer")(semantics)
        feature_preactivation = nn.Dense(self.hidden, kernel_init=_INITIAL, use_bias=False, name="row_layer")(x)
        hidden = nn.leaky_relu(class_preactivation + feature_preactivation, 0.2)
        return Diagonal(
            nn.Dense(self.latent, kernel_init=_INITIAL, name="mean_layer")(hidden),
            nn.Dense(self.latent, kernel_init=_INITIAL, name="log_variance_layer")(hidden),
        )


def encoder(hidden: int, latent: int) -> EncoderNet:
    """One hidden layer, LeakyReLU(0.2); weights N(0, 0.02^2), zero biases: it starts near the prior N(0, I)."""
    module = _Encoder(hidden, latent)

    def apply(params, x, semantics) -> Any:
        return module.apply(params, x, semantics)

    return EncoderNet(module.init, apply)
