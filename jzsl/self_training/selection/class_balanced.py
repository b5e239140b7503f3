"""Class-balanced selection: CBST, CBST with AVH, and CRST (AVH paper, section 5.1; Zou et al. 2018, 2019).

Each takes the same portion of the rows predicted as each class, the surest ones. The portion is n out of all
eligible rows, so that it grows with the rounds as any other selection's.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.hardness.angular import avc
from jzsl.types import Predictions, Selected, SelectionRequest

MRKLD = 0.1
"""Weight of the divergence from uniform predictions (CRST; design of Zou et al. 2019)."""
LRENT = 0.25
"""Weight of the entropy of soft labels."""


def rank_within_class(
    value: Float[Array, " m"], label: Int[Array, " m"], eligible: Bool[Array, " m"], classes: int
) -> tuple[Int[Array, " m"], Int[Array, " k"]]:
    """Place of each eligible row among those of its label, the largest value first, from 0; and each label's count."""
    group = jnp.where(eligible, label, classes)
    order = jnp.lexsort((-value, group))
    count = jnp.bincount(group, length=classes + 1)
    first = jnp.cumsum(count) - count
    place = jnp.zeros(len(label), jnp.int32).at[order].set(jnp.arange(len(label), dtype=jnp.int32))
    return place - first[group].astype(jnp.int32), count[:classes]


def exact_portion(count: Int[Array, " k"], n: int | Int[Array, ""], total: int | Int[Array, ""]) -> Int[Array, " k"]:
    """floor(count * n / total) for 0 <= count <= total, n >= 0, total >= 1, by long multiplication in base 2.

    The product of two numbers of samples overflows 32 bits from 46,341 samples on, and accelerators have no others;
    here quotient and remainder are carried along for each binary digit of n, and neither exceeds 2 * total.
    """
    n, whole = jnp.asarray(n, jnp.int32), jnp.asarray(total, jnp.uint32)
    count = count.astype(jnp.uint32)

    def reduced(quotient, remainder):
        over = (remainder >= whole).astype(jnp.uint32)
        return quotient + over, remainder - over * whole

    def digit(place, carry):
        quotient, remainder = carry
        quotient, remainder = reduced(2 * quotient, 2 * remainder)
        bit = ((n >> (30 - place)) & 1).astype(jnp.uint32)
        return reduced(quotient, remainder + bit * count)

    quotient, _ = jax.lax.fori_loop(0, 31, digit, (jnp.zeros_like(count), jnp.zeros_like(count)))
    return quotient.astype(jnp.int32)


def class_threshold(
    confidence: Float[Array, "m k"], predictions: Predictions, n: int | Int[Array, ""], empty: float
) -> Float[Array, " k"]:
    """lambda_k: the confidence of the last row of the portion n / M that is surest among those predicted as k.

    A class whose portion holds no row gets `empty`, which no confidence exceeds, as in the public code of CRST.
    """
    label, eligible, classes = predictions.label, predictions.selectable, confidence.shape[1]
    own = jnp.take_along_axis(confidence, label[:, None], 1)[:, 0]
    rank, count = rank_within_class(own, label, eligible, classes)
    last = exact_portion(count, n, jnp.maximum(jnp.sum(eligible), 1)) - 1
    column = jnp.where(eligible & (rank == last[label]), label, classes)
    return jnp.full(classes, empty).at[column].set(own, mode="drop")


def log_balanced(predictions: Predictions, n: int | Int[Array, ""]) -> Float[Array, "m k"]:
    """log p(k | x) / lambda_k, p the softmax of the scores."""
    log_p = jax.nn.log_softmax(predictions.scores)
    return log_p - class_threshold(log_p, predictions, n, empty=0.0)


def cbst(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """Label argmax_k p / lambda_k, where that is at least 1 (AVH paper, the solver after eq. 2).

    The paper prints "above lambda_k"; public code takes the row at the threshold too, as here, so that the portion
    is whole. Rows of equal confidence all count.
    """
    del key
    ratio = log_balanced(predictions, request.n)
    taken = predictions.selectable & (request.n > 0) & (ratio.max(1) >= 0)
    return Selected(taken.astype(jnp.int32), jnp.argmax(ratio, 1).astype(jnp.int32))


def cbst_avh(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """CBST+AVH: the same label, taken where its AVC reaches beta_k, the threshold of the portion by AVC (eq. 4)."""
    del key
    label = jnp.argmax(log_balanced(predictions, request.n), 1).astype(jnp.int32)
    confidence = avc(predictions.angles)
    sure = confidence >= class_threshold(confidence, predictions, request.n, empty=1.0)
    taken = predictions.selectable & (request.n > 0) & jnp.take_along_axis(sure, label[:, None], 1)[:, 0]
    return Selected(taken.astype(jnp.int32), label)


def crst_mrkld(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """CRST with model regularisation: CBST's rows, and a divergence of the predictions from uniform ones in the loss.

    -sum_k y_k log p_k - alpha sum_k (1 / K) log p_k is the cross-entropy of a label with mass y_k + alpha / K.
    """
    chosen = cbst(key, predictions, request)
    classes = predictions.scores.shape[1]
    return chosen._replace(soft=jax.nn.one_hot(chosen.label, classes) + MRKLD / classes)


def crst_lrent(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """CRST with soft labels: y_k proportional to (p_k / lambda_k)^(1 / alpha) minimises the entropy-regularised loss.

    A row is taken where that beats no label at all: where the sum over k of these powers is at least 1.
    """
    del key
    power = log_balanced(predictions, request.n) / LRENT
    taken = predictions.selectable & (request.n > 0) & (jax.nn.logsumexp(power, 1) >= 0)
    return Selected(taken.astype(jnp.int32), jnp.argmax(power, 1).astype(jnp.int32), jax.nn.softmax(power))


def crst(key: Key[Array, ""], predictions: Predictions, request: SelectionRequest) -> Selected:
    """CRST with both: LRENT's soft labels, MRKLD's mass on every class."""
    chosen = crst_lrent(key, predictions, request)
    return chosen._replace(soft=jnp.asarray(chosen.soft) + MRKLD / predictions.scores.shape[1])
