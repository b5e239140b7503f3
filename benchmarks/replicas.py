"""Seeds trained as one program, against the same seeds one after another: time, compilation and memory.

    python -m benchmarks.replicas [--sizes digits cub] [--counts 1 2 4 8 16] [--devices 2] [--out FILE.json]

One epoch of ABP over 1,536 rows. On a CPU `--devices` cuts the host into so many devices, one a core, over which the
replicas are dealt out; the single runs use one device of an uncut host, in a process of their own.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.abp_step import SIZES
from benchmarks.machine import describe
from jzsl.devices.mesh import device_mesh, keys_of, shared
from jzsl.devices.replicas import replicate
from jzsl.generators.abp import ABP
from jzsl.types import ClassTable, Pool

_ROWS = 1536


@dataclass(frozen=True)
class Options:
    """Time replicas."""

    sizes: tuple[str, ...] = ("digits", "cub")
    """which of digits, cub, awa2, sun"""
    counts: tuple[int, ...] = (1, 2, 4, 8, 16)
    """replicas in one program"""
    devices: int = 1
    """devices that a CPU is cut into; an accelerator's are taken as they are"""
    rounds: int = 3
    """timed calls, of which the median counts"""
    hidden: int = 4096
    """nodes of the hidden layer"""
    out: Path | None = None
    """also write the numbers as JSON"""
    alone: bool = False
    """only time single runs, and print their seconds as JSON"""


def measure(options: Options, size: str, count: int) -> dict[str, float]:
    """Seconds of an epoch of `count` replicas, of compiling it, and the bytes that the program needs at once."""
    semantics, features, classes = SIZES[size]
    random = np.random.default_rng(0)
    table = ClassTable(random.normal(size=(classes, semantics)).astype(np.float32), np.ones(classes, bool))
    pool = Pool(
        random.uniform(size=(_ROWS, features)).astype(np.float32),
        random.integers(0, classes, _ROWS).astype(np.int32),
        np.ones(_ROWS, np.int32),
    )
    generator, mesh = ABP(hidden=options.hidden).build(), device_mesh(count)
    lanes = -(-count // mesh.size) * mesh.size
    pool, table = shared((pool, table), mesh)
    states = jax.jit(replicate(generator.init, mesh, (True, False, False)))(keys_of(range(lanes), mesh), pool, table)
    fit = jax.jit(replicate(generator.fit, mesh, (True, False, False, False, False)), donate_argnums=0)
    start = time.perf_counter()
    compiled = fit.lower(states, pool, table, jnp.int32(1), jnp.int32(1)).compile()
    compile_seconds = time.perf_counter() - start
    memory, times = compiled.memory_analysis(), []
    for _ in range(options.rounds + 1):
        start = time.perf_counter()
        states, _ = jax.block_until_ready(compiled(states, pool, table, jnp.int32(1), jnp.int32(1)))
        times.append(time.perf_counter() - start)
    needed = memory.temp_size_in_bytes + memory.argument_size_in_bytes if memory else 0
    return {"seconds": float(np.median(times[1:])), "compile_s": compile_seconds, "bytes": float(needed)}


def main(options: Options) -> None:
    if jax.config.values["jax_platforms"] in (None, "", "cpu") and options.devices > 1:
        jax.config.update("jax_num_cpu_devices", options.devices)
    if options.alone:
        print(json.dumps({size: measure(options, size, 1)["seconds"] for size in options.sizes}))
        return
    command = [sys.executable, "-m", "benchmarks.replicas", "--alone", "--hidden", str(options.hidden)]
    command += ["--rounds", str(options.rounds), "--sizes", *options.sizes]
    alone = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    table, rows = Table(title=f"replicas on {jax.device_count()} devices"), []
    for heading in ("size", "replicas", "s", "s a replica", "against single runs", "compile s", "GB a device"):
        table.add_column(heading, justify="right")
    for size in options.sizes:
        for count in options.counts:
            found = measure(options, size, count)
            each = found["seconds"] / count
            row = {"size": size, "replicas": count, **found, "alone": alone[size], "ratio": each / alone[size]}
            rows.append(row)
            table.add_row(size, str(count), f"{found['seconds']:.3g}", f"{each:.3g}", f"{row['ratio']:.2f}",
                          f"{found['compile_s']:.1f}", f"{found['bytes'] / 1e9:.2f}")  # fmt: skip
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps({**describe(), "devices": jax.device_count(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options))
