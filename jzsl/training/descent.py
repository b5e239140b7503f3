"""Gradient descent over the epochs of a pool: from the loss of a minibatch and an optimizer."""

from typing import Any, Protocol

import jax
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.training.epochs import run_epochs
from jzsl.types import Metrics


class Loss(Protocol):
    def __call__(
        self, params: Any, key: Key[Array, ""], indices: Int[Array, " b"], valid: Float[Array, " b"], /
    ) -> tuple[Float[Array, ""], Metrics]:
        """The loss and the metrics of a minibatch.

        Args:
            params: what is learned.
            key: of the minibatch.
            indices: of its samples.
            valid: 1 for samples that count, 0 for padding.
        """
        ...


def descend(
    loss: Loss,
    optimizer: optax.GradientTransformation,
    params: Any,
    moments: Any,
    key: Key[Array, ""],
    w: Int[Any, " n"],
    first_epoch: Int[Array, ""],
    epochs: Int[Array, ""] | int,
    batch_size: int,
) -> tuple[Any, Any, Metrics]:
    """One step of the optimizer on each minibatch of epochs first_epoch, ..., first_epoch + epochs - 1.

    Args:
        loss: see `Loss`.
        optimizer: turns gradients into steps.
        params: to start from.
        moments: the optimizer's state.
        key, w, first_epoch, epochs, batch_size: as in `run_epochs`.

    Returns:
        Parameters and optimizer state after the last step, and the metrics averaged over all minibatches.
    """

    def step(carry, step_key, indices, valid):
        params, moments = carry
        gradient, metrics = jax.grad(loss, has_aux=True)(params, step_key, indices, valid)
        update, moments = optimizer.update(gradient, moments, params)
        return (optax.apply_updates(params, update), moments), metrics

    carry, metrics = run_epochs(step, (params, moments), key, w, first_epoch, epochs, batch_size)
    return *carry, metrics


def per_valid(total: Float[Array, ""], valid: Float[Array, " b"], batch_size: int) -> Metrics:
    """The loss of a minibatch as a metric: the mean over valid samples, from `total`, their sum divided by b."""
    return {"loss": total * batch_size / valid.sum()}
