"""A whole STHS-ABP run at AWA2's size, stage by stage, through the driver of `jzsl run`.

    python -m benchmarks.self_training [--epochs 3] [--rounds 4] [--hidden 4096] [--out FILE.json]

23,527 labelled and 7,913 unlabelled rows of 2,048 features, 85 attributes, 40 seen and 10 unseen classes; the rows are
drawn around means that depend on the attributes. PN-CFBS with the class prior 3C, so that the pool is clustered.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe
from jzsl.config import Experiment, Train
from jzsl.data.arrays import Arrays
from jzsl.driver.runner import run
from jzsl.driver.timing import COMPILED, Timing
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.report.terminal import timing_table
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.sths import STHS

TRAIN, UNSEEN, FEATURES, ATTRIBUTES, SEEN, CLASSES = 23_527, 7_913, 2048, 85, 40, 50


@dataclass(frozen=True)
class Options:
    """Time a whole run of self-training."""

    epochs: int = 3
    """of a round"""
    rounds: int = 4
    """after the base"""
    hidden: int = 4096
    """nodes of the hidden layer"""
    seeds: int = 1
    """seeds of the run"""
    shrink: int = 1
    """take only one row in so many, to try the benchmark out"""
    out: Path | None = None
    """also write the numbers as JSON"""


def make(path: Path, shrink: int) -> None:
    """The source: features that a network of the attributes and of a few factors could have made."""
    random = np.random.default_rng(0)
    semantics = random.normal(size=(CLASSES, ATTRIBUTES)).astype(np.float32)
    train, unseen = TRAIN // shrink, UNSEEN // shrink
    labels = np.concatenate([np.arange(train) % SEEN, SEEN + np.arange(unseen) % (CLASSES - SEEN)])
    factors = random.normal(size=(len(labels), 10)).astype(np.float32)
    of_class = random.normal(size=(ATTRIBUTES, FEATURES)).astype(np.float32) / ATTRIBUTES**0.5
    of_factor = 0.3 * random.normal(size=(10, FEATURES)).astype(np.float32)
    x = np.maximum(semantics[labels] @ of_class + factors @ of_factor, 0)
    rows = np.arange(len(labels))
    np.savez(path, features=x, labels=labels, semantics=semantics, train=rows[:train], test_unseen=rows[train:])


def main(options: Options) -> None:
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "awa2_sized.npz"
        make(source, options.shrink)
        timing = Timing()
        sths = STHS(options.rounds, PNCFBS())
        experiment = Experiment(
            Arrays(source),
            Generative(ABP(hidden=options.hidden), zsl_noise=False, gzsl_noise=False),
            Train(epochs=options.epochs),
            seeds=options.seeds,
            self_training=sths,
        )
        start = time.perf_counter()
        result = run(experiment, Path(name) / "run", False, console, timing)
        total, slowest = time.perf_counter() - start, timing.table(8)
        with np.load(source) as arrays:
            unlabelled = arrays["features"][arrays["test_unseen"]]
    start = time.perf_counter()
    sths.prepare(unlabelled, CLASSES - SEEN)
    clustering = time.perf_counter() - start
    outside = total - sum(timing.seconds.get(stage, 0.0) for stage in COMPILED) - clustering
    found = {
        "total_s": total,
        "clustering_s": clustering,
        "timing_s": timing.seconds,
        "outside_compiled_share": outside / total,
        "outside_compiled_and_compiler_share": (outside - timing.seconds.get("compile", 0.0)) / total,
        "T1": result["T1"]["values"],
    }
    screen = Console()
    screen.print(timing_table(slowest))
    table = Table(title=f"STHS-ABP at AWA2's size, {options.rounds} rounds of {options.epochs} epochs")
    for heading in ("total s", "clustering s (part of prepare)", "outside compiled code %", "without the compiler %"):
        table.add_column(heading, justify="right")
    shares = [100 * found[name] for name in ("outside_compiled_share", "outside_compiled_and_compiler_share")]
    table.add_row(f"{total:.1f}", f"{clustering:.1f}", *(f"{share:.1f}" for share in shares))
    screen.print(table)
    if options.out:
        settings = {name: value for name, value in vars(options).items() if name != "out"}
        text = json.dumps({"machine": describe(), "options": settings, **found}, indent=2)
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
