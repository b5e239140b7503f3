"""Training dynamics: how a method predicts some samples after every epoch, recorded inside the scan (AVH, fig. 4)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

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
        accuracy: share of samples predicted as their class.
    """

    norm: Float[Array, "e b"]
    norm_std: Float[Array, "e b"]
    avh: Float[Array, "e b"]
    avh_std: Float[Array, "e b"]
    accuracy: Float[Array, "e b"]


def dynamics(method: Method, epochs: int, groups: int) -> Callable[..., tuple[State, Dynamics]]:
    """(state, pool, classes, x[n, d], label[n], group[n], candidates[k]) -> (state after all epochs, Dynamics).

    One compiled scan: a step trains one epoch further and measures. `label` is the column of each sample's true
    class, `group` its bin, from 0. Samples are predicted as one of `candidates`, each of which must have samples.
    """

    def run(
        state: State,
        pool: Pool,
        classes: ClassTable,
        x: Float[Array, "n d"],
        label: Int[Array, " n"],
        group: Int[Array, " n"],
        candidates: Int[Array, " k"],
    ) -> tuple[State, Dynamics]:
        member = (group[:, None] == jnp.arange(groups)).astype(jnp.float32)
        share = member / jnp.maximum(member.sum(0), 1)
        no_classes = jnp.zeros(0, jnp.int32)

        def spread(values):
            mean = values @ share
            return mean, jnp.sqrt(jnp.sum(share * (values[:, None] - mean) ** 2, 0))

        def epoch(state, _):
            state, _ = method.fit(state, pool, classes, 1, epochs)
            predictor = method.predictor(state, pool, classes, no_classes)
            assert method.embedding is not None
            embedding = method.embedding(predictor, x, candidates)
            predicted = jnp.argmax(method.logits(predictor, x, candidates), 1)
            norm, norm_std = spread(jnp.linalg.norm(embedding.x, axis=1))
            hard, hard_std = spread(avh(angles(embedding), label))
            right = (predicted == label).astype(jnp.float32) @ share
            return state, Dynamics(norm, norm_std, hard, hard_std, right)

        return jax.lax.scan(epoch, state, None, epochs)

    return run
