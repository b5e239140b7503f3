"""The check of scores before anything is counted from them."""

import numpy as np
from jaxtyping import Float, Int

from jzsl.errors import InputError


def require_scores(scores: Float[np.ndarray, "n k"], indices: Int[np.ndarray, " n"] | None = None) -> None:
    """Refuses NaN among scores, which `argmax` would take for the best one. -inf is allowed: it rules a class out.

    Args:
        scores: one column per candidate class.
        indices: of the samples in their problem, for the message; None counts from 0.

    Raises:
        InputError: naming the first sample with a NaN among its scores.
    """
    wrong = np.flatnonzero(np.isnan(scores).any(1))
    if len(wrong):
        sample = wrong[0] if indices is None else indices[wrong[0]]
        raise InputError(
            f"scores: sample {sample} has a score that is not a number (NaN), and so have {len(wrong) - 1} more of "
            f"{len(scores)} samples; expected numbers. Training diverged, or its features are too large"
        )
