"""Gradient descent over the epochs of a pool: a loss of minibatches and an optimizer make a training."""

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
        """What descends, and the metrics of a minibatch.

        Args:
            params: whatever is learned.
            key: of the minibatch.
            indices: of its samples.
            valid: 1 for samples that count, 0 for fillers.
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
        optimizer: makes steps of gradients.
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
    """The loss of a minibatch for the journal: the mean over valid samples of a sum that was divided by b."""
    return {"loss": total * batch_size / valid.sum()}
