"""Compiled programs outlive a process: JAX's persistent cache under the user's cache folder."""

import os
import re
from pathlib import Path

import jax

_LEAST_SECONDS = 0.2
"""Programs that compile faster are not worth a file."""


def keep_programs() -> Path | None:
    """Turns the persistent cache on and returns its folder, or None where the user has chosen for themselves.

    The folder is `jzsl/programs` under XDG_CACHE_HOME, by default ~/.cache. JAX_COMPILATION_CACHE_DIR names another;
    JAX_ENABLE_COMPILATION_CACHE=0 turns it off. JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS is the shortest compilation
    whose program is kept, by default 0.2 seconds in this folder. A folder that cannot be written costs the cache, never
    the run.

    Where the CPU is divided into several devices nothing is kept: a program read back from the cache runs its
    independent collectives in another order on each device, and they may wait for each other until XLA ends the
    process.
    """
    if _cpu_devices() > 1:
        jax.config.update("jax_enable_compilation_cache", False)
        return None
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jzsl" / "programs"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
    return folder


def _cpu_devices() -> int:
    """Into how many devices the CPU is divided, known before JAX looks for its devices."""
    forced = re.search(r"xla_force_host_platform_device_count=(\d+)", os.environ.get("XLA_FLAGS", ""))
    return max(jax.config.values["jax_num_cpu_devices"], int(forced[1]) if forced else 1)
