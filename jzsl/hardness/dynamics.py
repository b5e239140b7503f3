"""Training dynamics: how a method predicts some samples after every epoch, recorded inside the scan (AVH, fig. 4)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from jzsl.hardness.angular import angles, avh
from jzsl.interfaces import Method
from jzsl.types import ClassTable, Pool, State


class Dynamics(NamedTuple):
    """After each of e epochs, for each of b groups of samples.

    Attributes:
        norm: mean length of the embedding.
        norm_std: its standard deviation within the group.
        avh: mean angular visual hardness, of the true class.
        avh_std: its standard deviation.
        confidence: mean softmax probability of the true class among the candidates (definition 1).
        confidence_std: its standard deviation.
        accuracy: share of samples predicted as their class.
    """

    norm: Float[Array, "e b"]
    norm_std: Float[Array, "e b"]
    avh: Float[Array, "e b"]
    avh_std: Float[Array, "e b"]
    confidence: Float[Array, "e b"]
    confidence_std: Float[Array, "e b"]
    accuracy: Float[Array, "e b"]


def dynamics(method: Method, epochs: int, groups: int, block: int = 64) -> Callable[..., tuple[State, Dynamics]]:
    """(state, pool, classes, x[n, *s], label[n], group[n], candidates[k]) -> (state after all epochs, Dynamics).

    One compiled scan: a step trains one epoch further and measures, `block` samples at a time. `label` is the column of
    each sample's true class, `group` its bin, from 0. Samples are predicted as one of `candidates`, each of which must
    have samples.
    """

    def run(
        state: State,
        pool: Pool,
        classes: ClassTable,
        x: Num[Array, "n *s"],
        label: Int[Array, " n"],
        group: Int[Array, " n"],
        candidates: Int[Array, " k"],
    ) -> tuple[State, Dynamics]:
        member = (group[:, None] == jnp.arange(groups)).astype(jnp.float32)
        share = member / jnp.maximum(member.sum(0), 1)
        no_classes = jnp.zeros(0, jnp.int32)
        size = min(block, len(x))
        numbers = jnp.arange(-(-len(x) // size) * size).reshape(-1, size) % len(x)  # the last block begins anew

        def spread(values):
            mean = values @ share
            return mean, jnp.sqrt(jnp.sum(share * (values[:, None] - mean) ** 2, 0))

        def epoch(state, _):
            state, _ = method.fit(state, pool, classes, 1, epochs)
            predictor = method.predictor(state, pool, classes, no_classes)

            def measured(samples):
                return _measures(method, predictor, x[samples], label[samples], candidates)

            blocks = jax.lax.map(measured, numbers)
            norm, hard, confidence, right = (values.reshape(-1)[: len(x)] for values in blocks)
            return state, Dynamics(*spread(norm), *spread(hard), *spread(confidence), right @ share)

        return jax.lax.scan(epoch, state, None, epochs)

    return run


def _measures(
    method: Method, predictor: Any, x: Num[Array, "b *s"], label: Int[Array, " b"], candidates: Int[Array, " k"]
) -> tuple[Float[Array, " b"], Float[Array, " b"], Float[Array, " b"], Float[Array, " b"]]:
    """Norm, AVH, confidence of each sample, and whether it is predicted as its class."""
    assert method.embedding is not None
    embedding = method.embedding(predictor, x, candidates)
    logits = method.logits(predictor, x, candidates)
    of_class = jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None], 1)[:, 0]
    right = (jnp.argmax(logits, 1) == label).astype(jnp.float32)
    norm = jnp.linalg.norm(embedding.x.astype(jnp.float32), axis=1)
    return norm, avh(angles(embedding), label), jnp.exp(of_class), right
