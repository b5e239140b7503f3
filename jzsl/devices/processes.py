"""Several processes as one run: they start together, agree at the borders of chunks, and the first one writes."""

import atexit
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from jzsl.errors import InputError

_HEARTBEAT_SECONDS = 60
"""After this silence the others take a process for lost, unless a collective has failed before."""
_RESUME = "--resume goes on from the last checkpoint, with any number of processes and devices"
_CLUSTER_TROUBLE = re.compile(r"gloo|nccl|rccl|coordination|barrier|heartbeat|socket closed|deadline|unavailable", re.I)

_child: subprocess.Popen | None = None


@dataclass(frozen=True)
class Cluster:
    """Which process of how many this is."""

    distributed: bool = False
    """one of several processes that share a run and its folder; SLURM, Open MPI, Kubernetes and cloud TPUs
    supply the rest by themselves, elsewhere give the next three"""
    coordinator: str | None = None
    """HOST:PORT at which the first process waits for the others"""
    processes: int | None = None
    """how many there are"""
    process: int | None = None
    """which one this is, from 0"""

    def join(self) -> None:
        """Waits for the other processes; must come before any computation.

        Raises:
            InputError: if the three fields are not given together, or the processes do not come together.
        """
        given = [value is not None for value in (self.coordinator, self.processes, self.process)]
        if not any(given) and not self.distributed:
            return
        if any(given) and not all(given):
            raise InputError("coordinator, processes, process: some are given and some not, expected all or none")
        if self.processes is not None and self.process is not None and not 0 <= self.process < self.processes:
            raise InputError(f"process: {self.process} found, expected 0 to {self.processes - 1}")
        try:
            jax.distributed.initialize(
                self.coordinator, self.processes, self.process, heartbeat_timeout_seconds=_HEARTBEAT_SECONDS
            )
        except (RuntimeError, ValueError) as error:
            raise InputError(f"the processes did not come together: {' '.join(str(error).split())[:300]}") from error
        if jax.default_backend() == "cpu":
            # Two processes that both read a program back from the cache run its independent collectives in orders of
            # their own, and may wait for each other forever.
            jax.config.update("jax_enable_compilation_cache", False)
        _report_abort()


def _report_abort() -> None:
    """Starts a child that prints a message if this process is aborted.

    JAX aborts a process when another one is silent for too long and no collective has failed before. The child waits
    for the end of its input; an orderly end writes to it.
    """
    message = (
        f"jzsl: process {jax.process_index()} of {jax.process_count()} was ended from outside, "
        f"or because another one was lost; {_RESUME}\n"
    )
    program = "import sys; sys.stdin.read() or sys.stderr.write(sys.argv[1])"
    global _child
    _child = subprocess.Popen([sys.executable, "-c", program, message], stdin=subprocess.PIPE, start_new_session=True)
    atexit.register(_report_orderly_end)


def _report_orderly_end() -> None:
    if _child is not None and _child.stdin is not None:
        with contextlib.suppress(OSError):  # the child may have been ended
            _child.stdin.write(b"done")
            _child.stdin.close()


def leave_at_once(status: int) -> NoReturn:
    """Ends a process that has printed the reason; an orderly end would wait for the process that is gone."""
    _report_orderly_end()
    os._exit(status)


def is_first() -> bool:
    """Whether this process writes files and prints messages."""
    return jax.process_index() == 0


def agreed(value: int) -> int:
    """The largest of all processes' values; each must call this."""
    if jax.process_count() == 1:
        return value
    return int(multihost_utils.process_allgather(np.int32(value)).max())


def from_first(action: Callable[[], Any]) -> Any:
    """What `action` gives in the first process, as JSON values, in every process.

    Raises:
        InputError: in every process, if `action` raises it in the first.
    """
    if jax.process_count() == 1:
        return action()
    result, error = None, None
    if is_first():
        try:
            result = action()
        except InputError as mistake:
            error = mistake
    if agreed(error is not None):
        raise error or InputError("the first process found a mistake and reported it")
    data = np.frombuffer(json.dumps(result).encode(), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(data))))
    data = data if is_first() else np.zeros(size, np.uint8)
    return json.loads(multihost_utils.broadcast_one_to_all(data).tobytes())


def require_same(value: str, what: str) -> None:
    """Raises an InputError in every process unless all have the same string."""
    if agreed(from_first(lambda: value) != value):
        raise InputError(f"{what}: {value} here, not the same in all processes")


def lost_process(error: Exception) -> str | None:
    """What an error of the libraries underneath means, where it is that another process has gone."""
    if jax.process_count() == 1 or not _CLUSTER_TROUBLE.search(str(error)):
        return None
    reason = " ".join(str(error).split())[:200]
    return f"process {jax.process_index()} of {jax.process_count()} lost another one ({reason}); {_RESUME}"
