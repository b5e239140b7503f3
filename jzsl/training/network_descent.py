"""Gradient descent on a network: parameters that learn, and running statistics that follow."""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.training.epochs import run_epochs
from jzsl.training.optimizers.optimizer import Optimizer
from jzsl.types import Metrics


class Learning(NamedTuple):
    """What descent changes.

    Attributes:
        params: what the gradient is taken of, any pytree.
        rest: what the loss returns anew at each step, any pytree: variables with running statistics.
        moments: of the optimizer.
    """

    params: Any
    rest: Any
    moments: Any


class NetworkLoss(Protocol):
    def __call__(
        self, params: Any, rest: Any, key: Key[Array, ""], indices: Int[Array, " b"], valid: Float[Array, " b"], /
    ) -> tuple[Float[Array, ""], tuple[Any, Metrics]]:
        """The loss of a minibatch, the rest after it, and its metrics; other arguments as in `descent.Loss`."""
        ...


def descend_network(
    loss: NetworkLoss,
    optimizer: Optimizer,
    learning: Learning,
    key: Key[Array, ""],
    w: Int[Any, " n"],
    first_epoch: Int[Array, ""],
    epochs: Int[Array, ""] | int,
    total: Int[Array, ""] | int,
    batch_size: int,
) -> tuple[Learning, Metrics]:
    """One step of the optimizer on each minibatch of epochs first_epoch, ..., first_epoch + epochs - 1.

    Args:
        loss: see `NetworkLoss`.
        optimizer: whose learning rate follows the share of the steps that are done.
        learning: to start from.
        key, w, first_epoch, epochs, batch_size: as in `run_epochs`.
        total: epochs of the whole training that these are a part of.

    Returns:
        What was learned after the last step, and the metrics averaged over all minibatches.
    """
    in_epoch = (jnp.minimum(jnp.sum(w), len(w)) + batch_size - 1) // batch_size
    steps = jnp.maximum(total * in_epoch, 1)

    def step(carry, step_key, indices, valid):
        done, (params, rest, moments) = carry
        gradient, (rest, metrics) = jax.grad(loss, has_aux=True)(params, rest, step_key, indices, valid)
        params, moments = optimizer.step(gradient, moments, params, done / steps)
        return (done + 1, Learning(params, rest, moments)), metrics

    carry = (jnp.asarray(first_epoch * in_epoch, jnp.int32), learning)
    (_, learning), metrics = run_epochs(step, carry, key, w, first_epoch, epochs, batch_size)
    return learning, metrics
