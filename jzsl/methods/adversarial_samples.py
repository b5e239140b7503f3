"""Images that a model finds harder: adversarial samples that keep the class (HAS, sections 3.3 to 3.6)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jzsl.errors import InputError, require_positive
from jzsl.methods.attribute_descent import Perturb
from jzsl.methods.attribute_prototypes import (
    Attributes,
    Heads,
    Pooling,
    attributes_of,
    classification,
    log_probabilities,
)
from jzsl.nets.network import Network, Variables

_LEVELS = 255


class Terms(NamedTuple):
    """The terms of L_HAS (eq. 3) of each image.

    Attributes:
        classification: the cross-entropy (eq. 1).
        entropy: of the class probabilities, L_ROB (eq. 5).
        drift: L_REL, of the features (eq. 6), as a mean over channels.
        attention_entropy: of each attribute's map as probabilities of its places, a mean over attributes (eq. 7).
        attention_mass: the sum of a map's squares, a mean over attributes (eq. 7).
    """

    classification: Float[Array, " b"]
    entropy: Float[Array, " b"]
    drift: Float[Array, " b"]
    attention_entropy: Float[Array, " b"]
    attention_mass: Float[Array, " b"]


@dataclass(frozen=True)
class AdversarialSamples:
    """Steps along the sign of the gradient of L_HAS with respect to the pixels; a weight of 0 switches a term off.

    L_HAS = classification L_CLS - robustness L_ROB + reliability L_REL - attention_entropy H + attention_mass M.

    The paper weighs the two parts of L_DIV (eq. 7), H and M, as one, with a sign that would raise the mass which its
    text wants suppressed; here each has its own weight, and the mass is lowered. It prints sums over channels and
    attributes, but its ranges of weights are those of its code's means, which are taken here. A softmax over places
    makes probabilities of a map. L_HAS is minimised (eq. 4 prints a plus). Weights by default are those of the code
    for AWA2, except that the code has a negative weight of H there and on CUB.
    """

    steps: int = 3
    """T"""
    step_size: float = 1.0
    """grey levels of 255 that a pixel moves at each step: epsilon in the paper, a fourth of it in public code"""
    radius: float | None = None
    """grey levels of 255 that a pixel may move in all; None: no limit, as in the paper"""
    classification: float = 1.0
    """weight of the cross-entropy, which keeps the class"""
    robustness: float = 1.0
    """lambda_1, weight of the entropy of class probabilities, which grows"""
    reliability: float = 0.1
    """lambda_2, weight of the squared change of the global features, which is kept small"""
    attention_entropy: float = 0.1
    """lambda_3, weight of the entropy of the attributes' maps, which grows"""
    attention_mass: float = 1e-4
    """weight of the squared attributes' maps, which shrink"""

    def __post_init__(self):
        if not self.steps >= 0:
            raise InputError(f"steps: {self.steps} found, expected zero or more")
        require_positive(self, "step_size")
        if self.radius is not None:
            require_positive(self, "radius")

    def build(self, network: Network, pooling: Pooling) -> Perturb:
        """The perturbation of images for the model of this network; batch normalisation uses running statistics.

        Public code normalises pixels first and then clips them by another data set's mean; here pixels stay in [0, 1],
        and the network normalises.
        """
        step, radius = self.step_size / _LEVELS, None if self.radius is None else self.radius / _LEVELS

        def perturb(
            variables: Variables,
            heads: Heads,
            images: Float[Array, "b h w c"],
            y: Int[Array, " b"],
            semantics: Float[Array, "c a"],
            present: Bool[Array, " c"],
        ) -> Float[Array, "b h w c"]:
            variables, heads, images = jax.lax.stop_gradient((variables, heads, images))
            start = None
            if self.reliability:
                start = attributes_of(network, pooling, variables, heads, images)[0].features

            def loss(x):
                model, _ = attributes_of(network, pooling, variables, heads, x)
                log_p = log_probabilities(model.predicted, semantics, present)
                return jnp.sum(self.objective(terms(model, log_p, y, model.features if start is None else start)))

            def one(_, x):
                moved = jnp.clip(x - step * jnp.sign(jax.grad(loss)(x)), 0, 1)
                return moved if radius is None else jnp.clip(moved, images - radius, images + radius)

            return jax.lax.stop_gradient(jax.lax.fori_loop(0, self.steps, one, images))

        return perturb

    def objective(self, terms: Terms) -> Float[Array, " b"]:
        """L_HAS of each image."""
        weights = (
            self.classification, -self.robustness, self.reliability, -self.attention_entropy, self.attention_mass
        )  # fmt: skip
        parts = [weight * term for weight, term in zip(weights, terms, strict=True) if weight]
        return sum(parts, jnp.zeros(len(terms.classification)))


def terms(model: Attributes, log_p: Float[Array, "b c"], y: Int[Array, " b"], features: Float[Array, "b e"]) -> Terms:
    """The terms of images; `features` are those of the images before they were changed."""
    places = model.attention.reshape(len(y), -1, model.attention.shape[-1])
    log_places = jax.nn.log_softmax(places, 1)
    return Terms(
        classification(log_p, y),
        -jnp.sum(jnp.exp(log_p) * log_p, 1),
        jnp.mean((model.features - features) ** 2, 1),
        jnp.mean(-jnp.sum(jnp.exp(log_places) * log_places, 1), 1),
        jnp.mean(jnp.sum(places**2, 1), 1),
    )
