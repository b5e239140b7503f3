"""Angular visual hardness (AVH paper, eqs. 1, 3, 5): the angle between an embedding and its class."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.cosine import unit
from jzsl.types import Embedding


def angles(embedding: Embedding) -> Float[Array, "n k"]:
    """A(x, w), in radians, between 0 and pi; a right angle where either is zero.

    Safe at 0 and pi, where the arc cosine has no derivative: there values are exact and gradients zero. In float32
    an angle below 5e-4 counts as 0, for its cosine rounds to 1.
    """
    x, weights = unit(embedding.x), unit(embedding.weights)
    cosine = jnp.dot(x, weights.T, precision=jax.lax.Precision.HIGHEST)
    inside = jnp.abs(cosine) < 1 - jnp.finfo(cosine.dtype).eps
    angle = jnp.arccos(jnp.where(inside, cosine, 0.0))
    return jnp.where(inside, angle, jnp.where(cosine > 0, 0.0, jnp.pi))


def avh(angle: Float[Array, "n k"], label: Int[Array, " n"]) -> Float[Array, " n"]:
    """AVH(x) = A(x, w_y) / sum_i A(x, w_i), in [0, 1]: hard samples lie far from their class (eq. 1).

    Args:
        angle: between each sample and each class.
        label: column of each sample's class: the true one, as in the paper, or the predicted one where that is unknown.
    """
    to_label = jnp.take_along_axis(angle, label[:, None], 1)[:, 0]
    return _share(to_label, angle.sum(1))


def avc(angle: Float[Array, "n k"]) -> Float[Array, "n k"]:
    """AVC(c | x) = (pi - A(x, w_c)) / sum_k (pi - A(x, w_k)): angular visual confidence (eq. 3); rows add up to 1."""
    closeness = jnp.pi - angle
    return _share(closeness, closeness.sum(1, keepdims=True))


def avh_loss(angle: Float[Array, "n k"], label: Int[Array, " n"], scale: float) -> Float[Array, " n"]:
    """-log of the softmax of s (pi - A(x, w_k)) at the true class (eq. 5, whose print lacks the minus and the log)."""
    return -jnp.take_along_axis(jax.nn.log_softmax(angular_logits(angle, scale)), label[:, None], 1)[:, 0]


def angular_logits(angle: Float[Array, "n k"], scale: float) -> Float[Array, "n k"]:
    """s (pi - A(x, w)), the logits of eq. 5."""
    return scale * (jnp.pi - angle)


def _share(part, whole):
    """part / whole; 0 where whole is 0, with a gradient of 0 there."""
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), 0.0)
