"""What class-balanced selections share: ranks within predicted classes, and the threshold of each class.

Each takes the same portion of the samples predicted as each class, the most confident ones. The portion is n out of
all eligible samples, so that it grows with the rounds as any other selection's.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jzsl.types import Predictions


def rank_within_class(
    value: Float[Array, " m"], label: Int[Array, " m"], eligible: Bool[Array, " m"], classes: int
) -> tuple[Int[Array, " m"], Int[Array, " k"]]:
    """Rank of each eligible sample among those of its label, the largest value first, from 0; each label's count."""
    group = jnp.where(eligible, label, classes)
    order = jnp.lexsort((-value, group))
    count = jnp.bincount(group, length=classes + 1)
    first = jnp.cumsum(count) - count
    position = jnp.zeros(len(label), jnp.int32).at[order].set(jnp.arange(len(label), dtype=jnp.int32))
    return position - first[group].astype(jnp.int32), count[:classes]


def exact_portion(count: Int[Array, " k"], n: int | Int[Array, ""], total: int | Int[Array, ""]) -> Int[Array, " k"]:
    """floor(count * n / total) for 0 <= count <= total, n >= 0, total >= 1, by long multiplication in base 2.

    The product of two numbers of samples overflows 32 bits from 46,341 samples on, and JAX has no 64-bit integers by
    default. Quotient and remainder are updated for each binary digit of n, and neither exceeds 2 * total.
    """
    n, whole = jnp.asarray(n, jnp.int32), jnp.asarray(total, jnp.uint32)
    count = count.astype(jnp.uint32)

    def reduced(quotient, remainder):
        over = (remainder >= whole).astype(jnp.uint32)
        return quotient + over, remainder - over * whole

    def digit(position, carry):
        quotient, remainder = carry
        quotient, remainder = reduced(2 * quotient, 2 * remainder)
        bit = ((n >> (30 - position)) & 1).astype(jnp.uint32)
        return reduced(quotient, remainder + bit * count)

    quotient, _ = jax.lax.fori_loop(0, 31, digit, (jnp.zeros_like(count), jnp.zeros_like(count)))
    return quotient.astype(jnp.int32)


def class_threshold(
    confidence: Float[Array, "m k"], predictions: Predictions, n: int | Int[Array, ""], empty: float
) -> Float[Array, " k"]:
    """lambda_k: the least confidence in the portion n / M of the samples predicted as k that are most confident.

    A class whose portion holds no sample gets `empty`, which no confidence exceeds, as in the public code of CRST.
    """
    label, eligible, classes = predictions.label, predictions.selectable, confidence.shape[1]
    of_label = jnp.take_along_axis(confidence, label[:, None], 1)[:, 0]
    rank, count = rank_within_class(of_label, label, eligible, classes)
    last = exact_portion(count, n, jnp.maximum(jnp.sum(eligible), 1)) - 1
    column = jnp.where(eligible & (rank == last[label]), label, classes)
    return jnp.full(classes, empty).at[column].set(of_label, mode="drop")


def log_balanced(predictions: Predictions, n: int | Int[Array, ""]) -> Float[Array, "m k"]:
    """log p(k | x) / lambda_k, p the softmax of the scores."""
    log_p = jax.nn.log_softmax(predictions.scores)
    return log_p - class_threshold(log_p, predictions, n, empty=0.0)
