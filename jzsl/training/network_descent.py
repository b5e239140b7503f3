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


class Position(NamedTuple):
    """Where in the training a minibatch is.

    Attributes:
        epoch: number of epochs done before.
        share: of the whole training's minibatches that are done; a training that goes on after its end, as warm rounds
            of self-training do, counts them anew.
    """

    epoch: Int[Array, ""]
    share: Float[Array, ""]


class Update(Protocol):
    def __call__(
        self,
        learning: Learning,
        key: Key[Array, ""],
        indices: Int[Array, " b"],
        valid: Float[Array, " b"],
        position: Position,
        /,
    ) -> tuple[Learning, Metrics]:
        """What a minibatch changes, in one step of an optimizer or several, and its metrics."""
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
        learning, key, w, first_epoch, epochs, total, batch_size: as in `run_updates`.

    Returns:
        What was learned after the last step, and the metrics averaged over all minibatches.
    """

    def update(learning, key, indices, valid, position):
        params, rest, moments = learning
        gradient, (rest, metrics) = jax.grad(loss, has_aux=True)(params, rest, key, indices, valid)
        params, moments = optimizer.step(gradient, moments, params, position.share)
        return Learning(params, rest, moments), metrics

    return run_updates(update, learning, key, w, first_epoch, epochs, total, batch_size)


def run_updates(
    update: Update,
    learning: Learning,
    key: Key[Array, ""],
    w: Int[Any, " n"],
    first_epoch: Int[Array, ""],
    epochs: Int[Array, ""] | int,
    total: Int[Array, ""] | int,
    batch_size: int,
    even: bool = False,
) -> tuple[Learning, Metrics]:
    """An update on each minibatch of epochs first_epoch, ..., first_epoch + epochs - 1.

    Args:
        update: see `Update`.
        learning: to start from.
        key, w, first_epoch, epochs, batch_size, even: as in `run_epochs`.
        total: epochs of the whole training that these are a part of.

    Returns:
        What was learned after the last minibatch, and the metrics averaged over all of them.
    """
    in_epoch = (jnp.minimum(jnp.sum(w), len(w)) + batch_size - 1) // batch_size
    steps = jnp.maximum(total * in_epoch, 1)

    def step(carry, step_key, indices, valid):
        done, learning = carry
        position = Position(done // jnp.maximum(in_epoch, 1), done % steps / steps)
        learning, metrics = update(learning, step_key, indices, valid, position)
        return (done + 1, learning), metrics

    carry = (jnp.asarray(first_epoch * in_epoch, jnp.int32), learning)
    (_, learning), metrics = run_epochs(step, carry, key, w, first_epoch, epochs, batch_size, even)
    return learning, metrics
