"""The conditional critic D(X, C) of f-CLSWGAN: a score for a feature vector and its class."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import linen as nn
from jaxtyping import Array, Float

_INITIAL = nn.initializers.normal(0.02)


class CriticNet(NamedTuple):
    """Pure functions: init (key, x[d], semantics[a]) -> parameters, apply (parameters, x, semantics) -> [...]."""

    init: Callable[..., Any]
    apply: Callable[..., Float[Array, "..."]]


class _Critic(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x, semantics):
        # The layer acts on [X, C]: as a sum of two products, real and generated samples share the class pre-activation.
        class_preactivation = nn.Dense(self.hidden, kernel_init=_INITIAL, name="class_layer")(semantics)
        feature_preactivation = nn.Dense(self.hidden, kernel_init=_INITIAL, use_bias=False, name="row_layer")(x)
        hidden = nn.leaky_relu(class_preactivation + feature_preactivation, 0.2)
        return nn.Dense(1, kernel_init=_INITIAL, name="output_layer")(hidden)[..., 0]


def critic(hidden: int) -> CriticNet:
    """One hidden layer, LeakyReLU(0.2); weights N(0, 0.02^2), zero biases, as the generator's."""
    module = _Critic(hidden)

    def apply(params, x, semantics) -> Any:
        return module.apply(params, x, semantics)

    return CriticNet(module.init, apply)
