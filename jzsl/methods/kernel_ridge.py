"""Kernel ridge regression from one vector per class to another, on the classes that have samples."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Bool, Float

from jzsl.errors import require_positive


@runtime_checkable
class Kernel(Protocol):
    """k(a_i, b_j) for all pairs; `scale` is the median distance between two training inputs."""

    def __call__(
        self, a: Float[Array, "n d"], b: Float[Array, "m d"], scale: Float[Array, ""], /
    ) -> Float[Array, "n m"]: ...


@runtime_checkable
class KernelConfig(Protocol):
    """A frozen dataclass of settings that makes a kernel."""

    def build(self) -> Kernel: ...


@dataclass(frozen=True)
class RBF:
    """exp(-||a - b||^2 / (2 h^2))."""

    width: float = 1.0
    """h, as a multiple of the median distance between two training inputs"""

    def __post_init__(self):
        require_positive(self, "width")

    def build(self) -> Kernel:
        def kernel(a: Float[Array, "n d"], b: Float[Array, "m d"], scale: Float[Array, ""]) -> Float[Array, "n m"]:
            return jnp.exp(-squared_distances(a, b) / (2 * (self.width * scale) ** 2))

        return kernel


@dataclass(frozen=True)
class Linear:
    """a'b."""

    def build(self) -> Kernel:
        def kernel(a: Float[Array, "n d"], b: Float[Array, "m d"], scale: Float[Array, ""]) -> Float[Array, "n m"]:
            del scale
            return jnp.matmul(a, b.T, precision="highest")

        return kernel


def squared_distances(a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """||a_i - b_j||^2, at least 0; measured from the mean of b, so that what all share is not rounded away."""
    middle = b.mean(0)
    a, b = a - middle, b - middle
    product = jnp.matmul(a, b.T, precision="highest")
    return jnp.maximum(jnp.sum(a**2, 1)[:, None] + jnp.sum(b**2, 1) - 2 * product, 0.0)


def median_distance(x: Float[Array, "n d"], present: Bool[Array, " n"]) -> Float[Array, ""]:
    """The median distance between two different present vectors; 1 where there is no pair, or all are equal.

    A median below a thousandth of the longest distance, or a millionth of the longest vector, is a rounding error.
    """
    pair = jnp.triu(present[:, None] & present[None], 1)
    distances = jnp.sqrt(squared_distances(x, x))
    distance = jnp.sort(jnp.where(pair, distances, jnp.inf).ravel())
    count = jnp.sum(pair)
    middle = (distance[jnp.maximum(count - 1, 0) // 2] + distance[count // 2]) / 2
    longest = jnp.sqrt(jnp.max(jnp.where(present, jnp.sum(x**2, 1), 0.0)))
    least = jnp.maximum(1e-3 * jnp.max(jnp.where(pair, distances, 0.0)), 1e-6 * longest)
    return jnp.where((count > 0) & (middle > least), middle, 1.0)


def dual_coefficients(
    gram: Float[Array, "n n"], targets: Float[Array, "n e"], present: Bool[Array, " n"], ridge: float
) -> Float[Array, "n e"]:
    """(K + ridge I)^-1 Y over the present inputs, zero for the others.

    Args:
        gram: K, the kernel of all inputs with themselves.
        targets: Y, already less their mean.
        present: which inputs train.
        ridge: on the kernel's scale, where an RBF kernel of an input with itself is 1.
    """
    both = present[:, None] & present[None]
    matrix = jnp.where(both, gram, 0.0) + jnp.diag(jnp.where(present, ridge, 1.0))
    return cho_solve(cho_factor(matrix), jnp.where(present[:, None], targets, 0.0))


def unexplained(
    gram: Float[Array, "n n"],
    coefficients: Float[Array, "n e"],
    targets: Float[Array, "n e"],
    present: Bool[Array, " n"],
) -> Float[Array, ""]:
    """The share of the present targets' sum of squares that the regression leaves; 0 where the targets are zero."""
    error = targets - jnp.matmul(gram, coefficients, precision="highest")
    left, all_of_it = (jnp.sum(jnp.where(present[:, None], part**2, 0.0)) for part in (error, targets))
    return jnp.where(all_of_it > 0, left / jnp.where(all_of_it > 0, all_of_it, 1.0), 0.0)
