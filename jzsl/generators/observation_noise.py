"""Where the sigma of eq. 1 comes from, and how it is learned; an addition to the ABP paper, which fixes it."""

import enum

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

_RATE = 0.05


class ObservationNoise(enum.Enum):
    """Where sigma comes from.

    fixed: it is given (the paper).
    learned: it starts there and follows the residuals of all rows.
    per_class: it follows those of each class; features of classes without rows carry the noise of all.
    """

    fixed = "fixed"
    learned = "learned"
    per_class = "per_class"


def variance_ema(
    variance: Float[Array, " c_1"],
    squared_error: Float[Array, " b"],
    entries: Float[Array, " b"],
    y: Int[Array, " b"],
    valid: Float[Array, " b"],
) -> Float[Array, " c_1"]:
    """sigma^2 moved towards the mean squared residual of a minibatch: of its classes, and of all rows (last).

    At latents drawn from the posterior that mean is the M-step of sigma^2, here by stochastic approximation (Delyon
    et al. 1999) with a constant rate of 0.05. A class without a row in the minibatch stays.

    Args:
        variance: sigma^2 of each class, and of all rows.
        squared_error: ||M o (X - g(C, Z))||^2 of each row.
        entries: number of observed entries of each row.
        y: labels.
        valid: 1 for rows that count, 0 for fillers.
    """
    classes = len(variance) - 1
    error, entries = valid * squared_error, valid * entries
    nothing = jnp.zeros(classes)
    total = jnp.append(nothing.at[y].add(error), jnp.sum(error))
    count = jnp.append(nothing.at[y].add(entries), jnp.sum(entries))
    found = jnp.where(count > 0, total / jnp.maximum(count, 1), variance)
    return variance + _RATE * (found - variance)
