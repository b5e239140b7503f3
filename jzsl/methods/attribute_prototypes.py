"""The model of the Attribute Prototype Network: class scores and a map of each attribute, on any network's maps.

Equations are those of HAS (Chen et al. 2023), which takes APN (Xu et al. 2020) as its base. Semantics phi(y) have unit
length, as `att` has in the published split files.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from jzsl.nets.network import BatchNormPolicy, Network, Policy, Variables

Pooling = Literal["average", "maximum"]
_ABSENT = -1e30
"""The score of a class that does not count; finite, so that p log p is 0."""


class Heads(NamedTuple):
    """What is learned on top of a network.

    Attributes:
        projection: V, from pooled maps to attributes (eq. 1).
        prototypes: CV, the filters of the attributes' maps (eq. 2).
    """

    projection: Float[Array, "e a"]
    prototypes: Float[Array, "e a"]


class Attributes(NamedTuple):
    """The model of images.

    Attributes:
        features: g(x), the mean of the network's maps.
        predicted: g(x)'V, attributes as the global head predicts them.
        attention: h(x), a map of each attribute.
    """

    features: Float[Array, "b e"]
    predicted: Float[Array, "b a"]
    attention: Float[Array, "b h w a"]


def heads_of(key: Key[Array, ""], features: int, attributes: int) -> Heads:
    """Heads before training: normal, of variance 1 / features."""
    both = jax.random.normal(key, (2, features, attributes)) / jnp.sqrt(features)
    return Heads(both[0], both[1])


def attributes_of(
    network: Network,
    pooling: Pooling,
    variables: Variables,
    heads: Heads,
    images: Num[Array, "b i j c"],
    policy: Policy = BatchNormPolicy.running,
    valid: Float[Array, " b"] | None = None,
    key: Key[Array, ""] | None = None,
) -> tuple[Attributes, Variables]:
    """The model of a minibatch, and the network's variables after it; policy, valid and key as in `ApplyNetwork`.

    With `maximum` the global head predicts an attribute from the place where V finds the most of it, as public code
    does for CUB, instead of from the mean of all places.
    """
    outputs, after = network.apply(variables, images, policy, valid, key=key)
    if pooling == "average":
        predicted = outputs.features @ heads.projection
    else:
        predicted = jnp.max(outputs.maps @ heads.projection, (1, 2))
    return Attributes(outputs.features, predicted, outputs.maps @ heads.prototypes), after


def attention_maps(
    network: Network, variables: Variables, heads: Heads, images: Num[Array, "b i j c"]
) -> Float[Array, "b h w a"]:
    """h(x): where in each image each attribute is, by the running statistics."""
    outputs, _ = network.apply(variables, images, BatchNormPolicy.running, None)
    return outputs.maps @ heads.prototypes


def log_probabilities(
    predicted: Float[Array, "b a"], semantics: Float[Array, "c a"], present: Bool[Array, " c"]
) -> Float[Array, "b c"]:
    """log p(y | x) over the classes that are present, by g(x)'V phi(y) (eqs. 1 and 5); the others have p = 0."""
    return jax.nn.log_softmax(jnp.where(present, predicted @ semantics.T, _ABSENT))


def classification(log_p: Float[Array, "b c"], y: Int[Array, " b"]) -> Float[Array, " b"]:
    """The cross-entropy of each image (eq. 1)."""
    return -jnp.take_along_axis(log_p, y[:, None], 1)[:, 0]


def localisation(attention: Float[Array, "b h w a"], target: Float[Array, "b a"]) -> Float[Array, " b"]:
    """||max h(x) - phi(y)||^2 of each image, the maximum over places (eq. 2)."""
    return jnp.sum((jnp.max(attention, (1, 2)) - target) ** 2, -1)
