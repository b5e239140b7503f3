"""Training that has diverged ends with what a user needs to know, and with nothing saved over what was good."""

import math

from jzsl.errors import DivergedError


def require_finite(now: dict[str, float], before: dict[str, float], place: str, kept: str) -> None:
    """Raises a DivergedError unless all metrics are finite.

    Args:
        now: the metrics, norms among them.
        before: the last finite ones; may be empty.
        place: when this was.
        kept: which checkpoint is the last good one.
    """
    wrong = [name for name, value in now.items() if not math.isfinite(value)]
    if wrong:
        found = ", ".join(f"{name} is {now[name]}" for name in wrong)
        last = ", ".join(f"{name} {before[name]:.4g}" for name in wrong if name in before)
        raise DivergedError(
            f"{place}: {found}{f' (before: {last})' if last else ''}; {kept}, and nothing was saved over it; "
            "a smaller learning rate or Langevin step may help"
        )
