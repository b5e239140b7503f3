"""The class prior by black-box shift estimation (Lipton, Wang and Smola 2018); STHS did not try it."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def confusion_matrix(label: Int[Array, " s"], predicted: Int[Array, " s"], classes: int) -> Float[Array, "k k"]:
    """Entry (i, j): the share of the rows of class j that are predicted as class i; columns add up to 1."""
    counts = jnp.bincount(predicted * classes + label, length=classes**2).reshape(classes, classes)
    return counts / jnp.maximum(counts.sum(0), 1)


def bbse_prior(confusion: Float[Array, "k k"], frequency: Float[Array, " k"]) -> Float[Array, " k"]:
    """p with confusion p = frequency, in the sense of least squares, its negative entries set to 0 (their eq. 3).

    Args:
        confusion: of the classifier on labelled rows, here generated ones.
        frequency: share of the unlabelled rows predicted as each class.
    """
    solution = jnp.maximum(jnp.linalg.lstsq(confusion, frequency)[0], 0.0)
    total = solution.sum()
    return jnp.where(total > 0, solution / jnp.where(total > 0, total, 1.0), 1 / len(frequency))
