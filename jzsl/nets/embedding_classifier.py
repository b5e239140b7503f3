"""A classifier with an embedding: one hidden layer whose activations are compared with class weights."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import linen as nn
from jaxtyping import Array, Float

from jzsl.types import Embedding


class EmbeddingClassifierNet(NamedTuple):
    """Pure functions.

    Attributes:
        init: (key, x[d]) -> parameters.
        embed: (parameters, x[n, d]) -> Embedding of all classes.
    """

    init: Callable[..., Any]
    embed: Callable[..., Embedding]


class _Embedder(nn.Module):
    classes: int
    hidden: int | None

    @nn.compact
    def __call__(self, x):
        if self.hidden is not None:
            x = nn.relu(nn.Dense(self.hidden, name="hidden_layer")(x))
        weights = self.param("class_weights", nn.initializers.lecun_normal(), (x.shape[-1], self.classes))
        return x, weights.T


def embedding_classifier(classes: int, hidden: int | None) -> EmbeddingClassifierNet:
    """d -> hidden (ReLU) -> class weights without bias; `hidden` None compares the features themselves."""
    module = _Embedder(classes, hidden)

    def embed(params: Any, x: Float[Array, "n d"]) -> Embedding:
        compared: Any = module.apply(params, x)
        return Embedding(*compared)

    return EmbeddingClassifierNet(module.init, embed)
