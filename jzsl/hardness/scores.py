"""Hardness of a sample by a trained model: AVH and the scores that the AVH paper, section 3, compares it with."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.hardness.angular import angles, avc, avh
from jzsl.types import Embedding


class Hardness(NamedTuple):
    """One value per sample for each score, signed so that a larger one means harder.

    Attributes:
        avh: angular visual hardness, in [0, 1].
        avc: minus the angular visual confidence in the class.
        confidence: minus the softmax probability of the class (definition 1: the model confidence).
        margin: minus how far the class's score is ahead of the best other one.
        entropy: of the softmax, in nats.
        norm: minus the length of the embedding.
    """

    avh: Float[Array, " n"]
    avc: Float[Array, " n"]
    confidence: Float[Array, " n"]
    margin: Float[Array, " n"]
    entropy: Float[Array, " n"]
    norm: Float[Array, " n"]


def hardness(scores: Float[Array, "n k"], embedding: Embedding, label: Int[Array, " n"]) -> Hardness:
    """All scores.

    Args:
        scores: logits of each class.
        embedding: of the same samples and classes.
        label: column of each sample's class: the true one, as in the paper, or the predicted one where that is unknown.
    """
    angle = angles(embedding)

    def of_class(values):
        return jnp.take_along_axis(values, label[:, None], 1)[:, 0]

    log_p = jax.nn.log_softmax(scores)
    others = jnp.where(jnp.arange(scores.shape[1]) == label[:, None], -jnp.inf, scores)
    return Hardness(
        avh=avh(angle, label),
        avc=-of_class(avc(angle)),
        confidence=-jnp.exp(of_class(log_p)),
        margin=others.max(1) - of_class(scores),
        entropy=-jnp.sum(jnp.exp(log_p) * jnp.where(jnp.isfinite(log_p), log_p, 0.0), 1),
        norm=-jnp.linalg.norm(embedding.x.astype(jnp.float32), axis=1),
    )


def within_classes(values: Float[Array, " n"], label: Int[Any, " n"], classes: int) -> Float[Array, " n"]:
    """Values moved and scaled to [0, 1] within each class, as the AVH paper does with the norm (section 4, hypothesis
    4); 0 in a class whose values are all the same."""
    low = jax.ops.segment_min(values, label, classes)[label]
    span = jax.ops.segment_max(values, label, classes)[label] - low
    return jnp.where(span > 0, (values - low) / jnp.where(span > 0, span, 1.0), 0.0)
