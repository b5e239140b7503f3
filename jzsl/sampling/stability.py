"""The stability of a Langevin step: s^2/2 times the curvature of the potential."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def stability(
    potential: Callable[[Float[Array, " z"]], Float[Array, ""]],
    position: Float[Array, " z"],
    step_size: float | Float[Array, ""],
    root: Float[Array, "z z"] | None = None,
) -> Float[Array, ""]:
    """s^2/2 times the largest eigenvalue of R' H R, with H the Hessian of the potential.

    On a quadratic potential the explicit step of eq. 6 (ABP paper) multiplies a displacement along an eigenvector
    by one minus this number: below 1 it contracts smoothly, below 2 it contracts while oscillating, above 2 it
    diverges.

    Args:
        potential: U of one chain.
        position: where the curvature is taken.
        step_size: s.
        root: R of a preconditioner P = R R'; None for the identity.
    """
    hessian = jax.hessian(potential)(position)
    if root is not None:
        hessian = root.T @ hessian @ root
    return step_size**2 / 2 * jnp.linalg.eigvalsh(hessian)[-1]
