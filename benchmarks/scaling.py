"""How time and memory of ABP grow with rows, features, classes and devices: a table, a figure, and JSON.

    python -m benchmarks.scaling [--rows 10000 100000 1000000] [--devices 1 2 4 8] [--out FOLDER]

One epoch through the trainer of `jzsl run`, with minibatches of 1,024 rows and a small hidden layer; one size is
varied at a time. Each point has a process of its own, so that its peak of memory is its own. Features are in half
precision. On a CPU the devices are parts of the host: they show what each must hold, and that the program runs, not how
fast many are.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

BASE = {"rows": 20_000, "features": 512, "classes": 50, "devices": 1}
_SEMANTICS = 85


@dataclass(frozen=True)
class Options:
    """Measure growth."""

    rows: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    """training rows; the last have 256 features"""
    features: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    """feature sizes"""
    classes: tuple[int, ...] = (10, 100, 1000, 21_000)
    """numbers of classes"""
    devices: tuple[int, ...] = (1, 2, 4, 8)
    """devices that share a seed's rows"""
    hidden: int = 256
    """nodes of the hidden layer"""
    out: Path = Path("scaling")
    """folder for scaling.json and the figure"""
    point: str | None = None
    """measure this point only, given as JSON, and print JSON"""


def measure(point: dict[str, int], hidden: int) -> dict[str, float]:
    """Seconds of an epoch and GB, in this process."""
    import jax

    from benchmarks.machine import resident_gb
    from jzsl.classifiers.prototype import Prototype
    from jzsl.config import Experiment, Train
    from jzsl.data.arrays import Arrays
    from jzsl.driver.plan import inductive_trainer
    from jzsl.generators.abp import ABP
    from jzsl.methods.generative import Generative

    random, rows, features = np.random.default_rng(0), point["rows"], point["features"]
    seen, queries = max(2, point["classes"] - point["classes"] // 5), 64 * point["classes"] // 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float16, (rows + queries, features))
        block = np.maximum(random.standard_normal((1 << 14, features), np.float32), 0).astype(np.float16)
        for start in range(0, len(x), len(block)):
            x[start : start + len(block)] = block[: len(x) - start]
        x.flush()
        index = np.arange(rows + queries)
        unseen = seen + index[:queries] % (point["classes"] - seen)
        arrays = {
            "labels": np.concatenate([index[:rows] % seen, unseen]),
            "semantics": random.normal(size=(point["classes"], _SEMANTICS)).astype(np.float32),
            "train": index[:rows],
            "test_unseen": index[rows:],
            "validation_classes": np.zeros(0, np.int64),
            "validation_seen": np.zeros(0, np.int64),
        }
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
        generator = ABP(hidden=hidden, batch_size=1024)
        method = Generative(generator, zsl=Prototype(), zsl_noise=False, per_class=2)
        experiment = Experiment(
            Arrays(folder), method, Train(epochs=1), seeds=1, devices_per_seed=point["devices"]
        )  # fmt: skip
        problem = experiment.load()
        before, start = resident_gb(), time.perf_counter()
        trainer = inductive_trainer(problem, experiment)
        ready = time.perf_counter()
        state = jax.block_until_ready(trainer.init((0,)))
        times, loss = [], float("nan")
        for epoch in range(2):
            begin = time.perf_counter()
            state, metrics = trainer.fit(state, epoch, 1, 2)
            loss = float(np.asarray(metrics["loss"])[0])
            times.append(time.perf_counter() - begin)
        return {
            "epoch_s": min(times),
            "ready_s": ready - start,
            "predicted_gb": trainer.bytes / 1e9,
            "resident_gb": resident_gb() - before,
            "loss": loss,
        }


def main(options: Options) -> None:
    if options.point is not None:
        print(json.dumps(measure(json.loads(options.point), options.hidden)))
        return
    from benchmarks.machine import describe
    from jzsl.report.figures import require_matplotlib, save_figure

    require_matplotlib()
    table, found = Table(title="Growth of an ABP epoch"), []
    for heading in ("varied", "size", "epoch s", "predicted GB a device", "grown GB", "until ready s"):
        table.add_column(heading, justify="left" if heading == "varied" else "right")
    with Console(stderr=True).status("") as status:
        for varied in BASE:
            for size in getattr(options, varied):
                point = {**BASE, varied: size}
                if varied == "rows":
                    point["features"] = 256
                status.update(f"{varied} {size:,}")
                numbers = _alone(point, options.hidden)
                found.append({"varied": varied, **point, **numbers})
                if "refused" in numbers:
                    table.add_row(varied, f"{size:,}", numbers["refused"])
                    continue
                keys = ("epoch_s", "predicted_gb", "resident_gb", "ready_s")
                table.add_row(varied, f"{size:,}", *(f"{numbers[key]:.3g}" for key in keys))
    Console().print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scaling.json").write_text(json.dumps({"machine": describe(), "points": found}, indent=2) + "\n")
    save_figure(lambda figure: draw(figure, found), "Growth of an ABP epoch, one size varied", options.out / "scaling")


def _alone(point: dict[str, int], hidden: int) -> dict[str, Any]:
    """The point's numbers from a process of its own, or why the run was refused."""
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(point["devices"])}
    command = [sys.executable, "-m", "benchmarks.scaling", "--point", json.dumps(point), "--hidden", str(hidden)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return json.loads(done.stdout.strip().splitlines()[-1])
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"refused": f"status {done.returncode}: {last[:120]}"}


def draw(figure: Any, found: list[dict[str, Any]]) -> None:
    """Seconds above and memory below, a column for each size that is varied."""
    from matplotlib.ticker import EngFormatter  # an extra

    short = EngFormatter(sep="")
    panels = figure.subplots(2, len(BASE), sharey="row")
    for column, varied in enumerate(BASE):
        points = [point for point in found if point["varied"] == varied and "refused" not in point]
        sizes = [point[varied] for point in points]
        above, below = panels[:, column]
        above.plot(sizes, [point["epoch_s"] for point in points], "o-")
        below.plot(sizes, [point["predicted_gb"] for point in points], "o-", label="predicted, a device")
        below.plot(sizes, [point["resident_gb"] for point in points], "s--", label="grown, the host")
        for panel in (above, below):
            panel.set(xscale="log", yscale="log")
            panel.minorticks_off()
            panel.set_xticks(sizes, [short(size) if size >= 10_000 else str(size) for size in sizes], fontsize="small")
        below.set_xlabel(varied)
    panels[0, 0].set_ylabel("seconds per epoch")
    panels[1, 0].set_ylabel("GB")
    panels[1, 0].legend(fontsize="x-small")


if __name__ == "__main__":
    main(tyro.cli(Options))
