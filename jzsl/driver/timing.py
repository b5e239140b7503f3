"""Where a run's time goes: wall time by part, and a trace of one chunk for the details."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import jax

LOAD, PREPARE, COMPILE, TRAIN, CLASSIFY, SCORE, SAVE = (
    "load",
    "prepare",
    "compile",
    "train",
    "classify",
    "score",
    "save",
)
COMPILED = (TRAIN, CLASSIFY)
"""Parts that are spent in compiled programs, the transfer of their results included."""

_COMPILATION = "/jax/core/compile/backend_compile_duration"


class Timing:
    """Adds up the seconds of each part of a run while entered. Compilation is a separate part, wherever it happens.

    Attributes:
        seconds: of each part.
    """

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self._start = time.monotonic()

    def __enter__(self) -> "Timing":
        jax.monitoring.register_event_duration_secs_listener(self._listen)
        return self

    def __exit__(self, *exception) -> None:
        jax.monitoring.unregister_event_duration_listener(self._listen)

    def _listen(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        del kwargs
        if event == _COMPILATION:
            self._add(COMPILE, duration_secs)

    def _add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Times a piece of a part; parts do not nest."""
        start, compiling = time.monotonic(), self.seconds.get(COMPILE, 0.0)
        try:
            with jax.profiler.TraceAnnotation(f"jzsl {name}"):
                yield
        finally:
            self._add(name, time.monotonic() - start - self.seconds.get(COMPILE, 0.0) + compiling)

    @property
    def total(self) -> float:
        """Seconds since this object was made."""
        return time.monotonic() - self._start

    def table(self, count: int) -> list[tuple[str, float, float]]:
        """The most expensive parts first: name, seconds, share of the total in percent."""
        total = self.total
        parts = {**self.seconds, "other": total - sum(self.seconds.values())}
        best = sorted(parts.items(), key=lambda part: -part[1])[:count]
        return [(name, seconds, 100 * seconds / total) for name, seconds in best]


@contextlib.contextmanager
def traced(folder: Path | None) -> Iterator[None]:
    """Writes a trace for TensorBoard (with its profile plugin) and for Perfetto into a folder; None: does nothing."""
    if folder is None:
        yield
        return
    with jax.profiler.trace(str(folder), create_perfetto_trace=True):
        yield
