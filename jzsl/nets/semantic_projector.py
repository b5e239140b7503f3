"""The semantic-to-visual network of S2V: class semantics in, a prototype in feature space out."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import linen as nn
from jaxtyping import Array, Float


class ProjectorNet(NamedTuple):
    """Pure functions: init (key, semantics[a]) -> parameters, apply (parameters, semantics[..., a]) -> [..., d]."""

    init: Callable[..., Any]
    apply: Callable[..., Float[Array, "..."]]


class _Projector(nn.Module):
    features: int
    hidden: int

    @nn.compact
    def __call__(self, semantics):
        return nn.relu(nn.Dense(self.features)(nn.relu(nn.Dense(self.hidden)(semantics))))


def projector(features: int, hidden: int) -> ProjectorNet:
    """a -> hidden -> d with a ReLU after both layers (STHS supplement; a simplified DEM)."""
    module = _Projector(features, hidden)

    def apply(params, semantics) -> Any:
        return module.apply(params, semantics)

    return ProjectorNet(module.init, apply)
