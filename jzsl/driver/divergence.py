"""Training that has diverged ends with a message of what a user needs to know; the last good checkpoint stays."""

import math

from jzsl.errors import DivergedError


def require_finite(now: dict[str, float], before: dict[str, float], when: str, kept: str) -> None:
    """Raises a DivergedError unless all metrics are finite.

    Args:
        now: the metrics, norms among them.
        before: the last finite ones; may be empty.
        when: phase, seed and epochs of these metrics.
        kept: which checkpoint is the last good one.
    """
    wrong = [name for name, value in now.items() if not math.isfinite(value)]
    if wrong:
        values = ", ".join(f"{name} is {now[name]}" for name in wrong)
        last = ", ".join(f"{name} {before[name]:.4g}" for name in wrong if name in before)
        raise DivergedError(
            f"{when}: {values}{f' (before: {last})' if last else ''}; {kept}, and nothing was saved over it; "
            "a smaller learning rate or Langevin step may help"
        )
