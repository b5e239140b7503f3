"""Diagnostics that a Langevin step returns with the new state."""

from typing import NamedTuple

from jaxtyping import Array, Float


class Info(NamedTuple):
    """Diagnostics of one step, taken where the step began.

    Attributes:
        energy: potential U = -log p + const, in nats.
        gradient_norm: Euclidean norm of dU/dz.
        acceptance: probability with which the proposal was accepted; 1 for kernels that always move.
    """

    energy: Float[Array, ""]
    gradient_norm: Float[Array, ""]
    acceptance: Float[Array, ""]
