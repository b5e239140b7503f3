"""An ensemble's cost against the number of its replicas: training, compilation, scoring and memory.

    python -m benchmarks.ensemble [--sizes digits cub] [--counts 1 2 4 8] [--methods abp s2v] [--out FILE.json]

One epoch over random samples, and the scores of as many. The ratio is the time of a replica against the method by
itself, timed in turn in the same process. On accelerators replicas are vectorised, on a CPU one follows another.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.abp_step import SIZES
from benchmarks.machine import alternate, describe
from jzsl.generators.abp import ABP
from jzsl.interfaces import Method, MethodConfig
from jzsl.methods.ensemble import Ensemble
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, Pool


@dataclass(frozen=True)
class Options:
    """Time ensembles."""

    sizes: tuple[str, ...] = ("digits", "cub")
    """which of digits, cub, awa2, sun"""
    methods: tuple[str, ...] = ("abp", "s2v")
    """which of abp, s2v"""
    counts: tuple[int, ...] = (1, 2, 4, 8)
    """replicas"""
    samples: int = 1536
    """samples of the pool"""
    hidden: int = 4096
    """nodes of the hidden layer"""
    rounds: int = 3
    """timed calls, of which the median counts"""
    out: Path | None = None
    """also write the numbers as JSON"""


def problem_of(size: str, samples: int) -> tuple[Pool, ClassTable]:
    """Random features in [0, 1] and random semantics, half of the classes seen."""
    semantics, features, classes = SIZES[size]
    random = np.random.default_rng(0)
    table = ClassTable(random.normal(size=(classes, semantics)).astype(np.float32), np.arange(classes) < classes // 2)
    pool = Pool(
        random.uniform(size=(samples, features)).astype(np.float32),
        random.integers(0, classes // 2, samples).astype(np.int32),
        np.ones(samples, np.int32),
    )
    return jax.device_put((pool, table))


def programs(method: Method, pool: Pool, table: ClassTable) -> tuple[dict[str, Any], dict[str, float]]:
    """An epoch and the scores of the pool's samples as calls, and what compiling the epoch takes."""
    unseen = jnp.asarray(np.flatnonzero(~np.asarray(table.seen)).astype(np.int32))
    state = jax.jit(method.init)(jax.random.key(0), pool, table)
    start = time.perf_counter()
    fit = jax.jit(method.fit).lower(state, pool, table, jnp.int32(1), jnp.int32(1)).compile()
    compile_seconds, memory = time.perf_counter() - start, fit.memory_analysis()
    needed = memory.temp_size_in_bytes + memory.argument_size_in_bytes if memory else 0
    predictor = jax.jit(method.predictor)(state, pool, table, unseen)
    logits = jax.jit(method.logits)
    calls = {
        "epoch": lambda: fit(state, pool, table, jnp.int32(1), jnp.int32(1)),
        "scores": lambda: logits(predictor, pool.x, unseen),
    }
    return calls, {"compile_s": compile_seconds, "bytes": float(needed)}


def measure(ensemble: Method, alone: dict[str, Any], pool: Pool, table: ClassTable, rounds: int) -> dict[str, float]:
    """Seconds of the ensemble and of the method by itself, whose calls are `alone`."""
    together, compiling = programs(ensemble, pool, table)
    candidates = {f"{name}_s": call for name, call in together.items()}
    candidates |= {f"alone_{name}_s": call for name, call in alone.items()}
    return alternate(candidates, rounds) | compiling


def main(options: Options) -> None:
    methods: dict[str, MethodConfig] = {
        "abp": Generative(ABP(hidden=options.hidden)),
        "s2v": S2V(hidden=options.hidden),
    }
    table, rows = Table(title=f"ensembles on {jax.default_backend()}"), []
    for heading in ("size", "method", "R", "epoch s", "a replica against alone", "scores s", "against alone",
                    "compile s", "GB"):  # fmt: skip
        table.add_column(heading, justify="right")
    for size in options.sizes:
        pool, classes = problem_of(size, options.samples)
        for name in options.methods:
            alone, _ = programs(methods[name].build(ZSL()), pool, classes)
            for count in options.counts:
                ensemble = Ensemble(methods[name], count).build(ZSL())
                times = measure(ensemble, alone, pool, classes, options.rounds)
                ratios = [times[f"{part}_s"] / count / times[f"alone_{part}_s"] for part in ("epoch", "scores")]
                rows.append({"size": size, "method": name, "replicas": count, **times, "ratios": ratios})
                table.add_row(
                    size, name, str(count), f"{times['epoch_s']:.3g}", f"{ratios[0]:.2f}", f"{times['scores_s']:.3g}",
                    f"{ratios[1]:.2f}", f"{times['compile_s']:.1f}", f"{times['bytes'] / 1e9:.2f}",
                )  # fmt: skip
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps({**describe(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options))
