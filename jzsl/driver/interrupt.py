"""SIGTERM and SIGINT as a request: the run finishes its chunk, saves, and then ends."""

import signal
import threading


class Interrupted(Exception):
    """The run was asked to stop and has saved its state.

    Attributes:
        status: exit status, 128 plus the signal's number (130 for SIGINT, 143 for SIGTERM).
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.status = 128 + signum


class InterruptFlag:
    """While entered, remembers the first SIGTERM or SIGINT; a second one acts at once, as it would otherwise."""

    def __init__(self):
        self.signum: int | None = None
        self._previous = {}

    def __enter__(self) -> "InterruptFlag":
        # Python allows handlers in the main thread only; elsewhere the caller's handlers stay.
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGTERM, signal.SIGINT):
                self._previous[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, *exception) -> None:
        self._restore()

    def _remember(self, signum, frame) -> None:
        del frame
        self.signum = signum
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())
