"""The machine a benchmark runs on: its description, its own peaks, and how commands are timed."""

import os
import platform
import re
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jzsl.driver.versions import versions


def describe() -> dict[str, Any]:
    """Processor, cores and versions."""
    return {"machine": platform.machine(), "cores": os.cpu_count(), **versions()}


def alternate(candidates: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate, the candidates timed in turn so that drifts of the machine meet all."""
    for candidate in candidates.values():
        jax.block_until_ready(candidate())
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            jax.block_until_ready(candidate())
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def copy(size: int = 1 << 26, passes: int = 8) -> tuple[Callable[[], Any], float]:
    """Passes through memory, more than any cache holds, that show its peak; and the bytes that they read and write.

    Several passes in one call, and the sum of their result, so that fresh pages are no matter.
    """
    array = jnp.zeros(size, jnp.float32)

    @jax.jit
    def through(values):
        return jnp.sum(jax.lax.fori_loop(0, passes, lambda _, values: values + 1, values))

    return lambda: through(array), 4.0 * size * (2 * passes + 1)


def counts(compiled: Any) -> tuple[float, float]:
    """Floating-point operations and bytes of memory traffic by the compiler's count, each loop's body counted once."""
    cost = compiled.cost_analysis() or {}
    return float(cost.get("flops", 0.0)), float(cost.get("bytes accessed", 0.0))


def resident_gb() -> float:
    """GB resident at most so far, pages of mapped files included.

    Linux's own mark is of this program alone; that of `getrusage` starts at the parent's.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 2**20


def square_product(size: int = 2048) -> tuple[Callable[[], Any], float]:
    """A float32 matrix product that shows the machine's peak, and its floating-point operations."""
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    product = jax.jit(jnp.matmul)
    return lambda: product(matrix, matrix), 2.0 * size**3
