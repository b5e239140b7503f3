"""Memory and time of a problem with very many classes: loading, a training epoch, top-k accuracy, each size alone.

    python -m benchmarks.large_label_space [--classes 1000 5000 21000] [--rows 1000000] [--out FILE.json]

The paper's largest setting (ABP, section 5.4) has 1,000 seen classes and 20,000 unseen ones, and 2,048 features. The
source is made on disk in half precision with the features of a random linear map of the semantics plus noise. Each size
runs in a process of its own, so that its peak of resident memory is its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe, resident_gb

FEATURES, SEMANTICS = 2048, 300
_CHUNK = 16_384


@dataclass(frozen=True)
class Options:
    """Measure memory and time of large label spaces."""

    classes: tuple[int, ...] = (1000, 5000, 21_000)
    """numbers of classes, a twenty-first of them seen"""
    rows: tuple[int, ...] = (100_000, 1_000_000)
    """numbers of rows, half of them training rows"""
    queries: int = 8192
    """test rows that are scored"""
    hidden: int = 256
    """nodes of ABP's hidden layer"""
    per_class: int = 2
    """generated features of an unseen class"""
    folder: Path | None = None
    """where the sources are made; by default the system's folder for temporary files"""
    out: Path | None = None
    """also write the numbers as JSON"""
    one: tuple[Path, ...] = field(default=(), metadata={"help": "measure this source only, and print JSON"})


def make(folder: Path, classes: int, rows: int, queries: int) -> None:
    """The .npy files of a source; features are written chunk by chunk."""
    random = np.random.default_rng(0)
    seen = max(2, classes // 21)
    semantics = (random.normal(size=(classes, SEMANTICS)) / np.sqrt(SEMANTICS)).astype(np.float32)
    basis = random.normal(size=(SEMANTICS, FEATURES)).astype(np.float32)
    train = np.arange(rows // 2)
    labels = np.concatenate([train % seen, seen + np.arange(rows - len(train)) % (classes - seen)])
    features = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float16, (rows, FEATURES))
    for start in range(0, rows, _CHUNK):
        part = semantics[labels[start : start + _CHUNK]] @ basis
        part += 0.5 * random.standard_normal(part.shape, np.float32)
        features[start : start + len(part)] = np.maximum(part, 0)
    features.flush()
    test = np.arange(len(train), rows)
    arrays = {
        "labels": labels,
        "semantics": semantics,
        "train": train,
        # Every class has a row among the test rows as long as there are as many queries as classes.
        "test_unseen": test[: max(queries, classes - seen)],
        "validation_classes": np.zeros(0, np.int64),
        "validation_seen": np.zeros(0, np.int64),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def measure(folder: Path, options: Options) -> dict[str, float]:
    """Seconds and peak memory, in this process."""
    import jax

    from jzsl.data.arrays import Arrays
    from jzsl.evaluation.protocol import Protocol
    from jzsl.evaluation.views import inductive
    from jzsl.generators.abp import ABP
    from jzsl.methods.generative import Generative
    from jzsl.metrics.top_k import top_columns
    from jzsl.tasks.zsl import ZSL

    start, before = time.perf_counter(), resident_gb()
    problem = Arrays(folder).load()
    loaded, load_peak = time.perf_counter(), resident_gb()
    view = inductive(problem)
    pool, classes = jax.device_put((view.pool, view.classes))
    view = view._replace(pool=pool)
    viewed, view_peak = time.perf_counter(), resident_gb()
    config = Generative(
        ABP(hidden=options.hidden, langevin_steps=2),
        zsl_noise=False,
        per_class=options.per_class,
        classes_per_block=1000,
    )
    method = config.build(ZSL())
    state = method.init(jax.random.key(0), pool, classes)
    state, _ = jax.block_until_ready(jax.jit(method.fit, donate_argnums=0)(state, pool, classes, 1, 1))
    trained, train_peak = time.perf_counter(), resident_gb()
    protocol = Protocol(problem, view)
    predictor = method.predictor(state, pool, classes, view.unseen)
    logits = jax.jit(method.logits)
    columns = top_columns(lambda x: logits(predictor, x, view.unseen), protocol.chunks(ZSL()), 20)
    numbers = protocol.score_top(ZSL(), columns, (5, 20))
    scored = time.perf_counter()
    return {
        "start GB": before,
        "loaded GB": load_peak,
        "pool GB": view_peak,
        "trained GB": train_peak,
        "scored GB": resident_gb(),
        "load s": loaded - start,
        "pool s": viewed - loaded,
        "epoch s": trained - viewed,
        "score s": scored - trained,
        "queries": len(columns),
        "hit@20": numbers["hit@20"],
    }


def main(options: Options) -> None:
    if options.one:
        print(json.dumps(measure(options.one[0], options)))
        return
    table, rows = Table(title="Large label spaces"), []
    headings = {"classes": "", "rows": "", "source": "GB", "pool": "GB", "trained": "GB", "scored": "GB",
                "load": "s", "epoch": "s", "score": "s", "hit@20": "%"}  # fmt: skip
    for name, unit in headings.items():
        table.add_column(f"{name}\n{unit}", justify="right", no_wrap=True)
    console = Console()
    with console.status("") as status:
        for classes in options.classes:
            for count in options.rows:
                status.update(f"{classes} classes, {count} rows")
                with tempfile.TemporaryDirectory(dir=options.folder) as name:
                    make(Path(name), classes, count, options.queries)
                    command = [sys.executable, "-m", "benchmarks.large_label_space", "--one", name]
                    command += ["--hidden", str(options.hidden), "--per-class", str(options.per_class)]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    found = json.loads(done.stdout.strip().splitlines()[-1])
                size = count * FEATURES * 2 / 2**30
                rows.append({"classes": classes, "rows": count, "source GB": size, **found})
                keys = ("pool GB", "trained GB", "scored GB", "load s", "epoch s", "score s")
                numbers = [f"{found[key]:.1f}" for key in keys]
                table.add_row(str(classes), str(count), f"{size:.1f}", *numbers, f"{found['hit@20']:.1f}")
    console.print(table)
    if options.out:
        options.out.write_text(json.dumps({"machine": describe(), "results": rows}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options))
