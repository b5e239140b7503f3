"""Compiled programs outlive a process: JAX's persistent cache under the user's cache folder."""

import os
from pathlib import Path

import jax

_LEAST_SECONDS = 0.2
"""Programs that compile faster are not worth a file."""


def keep_programs() -> Path | None:
    """Turns the persistent cache on and returns its folder, or None where the user has chosen for themselves.

    The folder is `jzsl/programs` under XDG_CACHE_HOME, by default ~/.cache. JAX_COMPILATION_CACHE_DIR names another;
    JAX_ENABLE_COMPILATION_CACHE=0 turns it off. A folder that cannot be written costs the cache, never the run.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jzsl" / "programs"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
    return folder
