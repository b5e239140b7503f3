"""Whether a run fits: its peak by the compiler's count, before anything is computed, against what a device has."""

import os
from pathlib import Path

import jax

from jzsl.errors import InputError

_GB = 1e9
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def available(limit_gb: float | None) -> int:
    """Bytes that each of this process's devices may use: the given limit, what an accelerator has, or on a CPU, whose
    devices share the machine's memory, what the data on the host have left of it."""
    if limit_gb is not None:
        return int(limit_gb * _GB)
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        return int((device.memory_stats() or {}).get("bytes_limit", 0))
    return (host_memory() - _resident()) // jax.local_device_count()


def host_memory() -> int:
    """Bytes of memory of this machine, or of the container that it is."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine, int(_CGROUP.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return machine


def _resident() -> int:
    """Bytes of this process that are in memory now; 0 where the system does not report them."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def require_host(needed: int, what: str) -> None:
    """Raises an InputError if `needed` bytes are more than the machine has at all."""
    if needed > host_memory():
        raise InputError(
            f"{what}: {needed / _GB:.1f} GB needed, but this machine has {host_memory() / _GB:.1f} GB of memory; "
            "features in half precision need half of what single precision does, a Subset of the data less, "
            "and --samples-per-block leaves them where they are"
        )


def require_fit(needed: int, limit_gb: float | None, suggestions: list[str]) -> None:
    """Raises an InputError if a device has less than `needed` bytes, with what would help."""
    limit = available(limit_gb)
    if limit and needed > limit:
        raise InputError(
            f"this run needs {needed / _GB:.3g} GB on a device, which has {limit / _GB:.3g} GB; "
            f"what helps: {'; '.join(suggestions)}"
        )
