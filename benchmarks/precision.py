"""What products of lower precision cost in accuracy: T1 of ABP in float32, TF32 and bfloat16, seed by seed.

    python -m benchmarks.precision --data ../shared/data/caltech101 --features effnetlite0 --hidden 1024 --epochs 5

A CPU multiplies in float32 whatever it is asked. There the networks' operands, results and the gradients that
flow back through them are rounded to the 10 or 7 bits that TF32 and bfloat16 keep, a little more than an accelerator
rounds. An accelerator is asked for the precision itself.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import flax.linen.linear
import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe
from jzsl.data.locate import locate
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.problem.transforms import MinMax, TransformConfig
from jzsl.studies.runs import Runs
from jzsl.studies.study import StudySetup, compare
from jzsl.tasks.zsl import ZSL

MANTISSA = {"highest": 23, "tensorfloat32": 10, "bfloat16": 7}
"""Bits after the point that a factor keeps."""


@dataclass(frozen=True)
class Options:
    """Compare precisions of matrix products."""

    data: str = "digits"
    """a source, as `jzsl study` takes it"""
    features: str | None = None
    """xlsa17: the file of features, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""
    hidden: int = 1024
    """nodes of the hidden layer"""
    epochs: int = 5
    """of training"""
    seeds: int = 5
    """seeds of each precision"""
    transform: tyro.conf.Suppress[TransformConfig] = MinMax()
    """of the features"""
    out: Path | None = None
    """also write the numbers as JSON"""


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Networks multiply with so much precision."""
    if jax.default_backend() != "cpu":
        with jax.default_matmul_precision(name):
            yield
        return

    def rounded(array):
        return jax.lax.reduce_precision(array, 8, MANTISSA[name])

    def dot_general(a, b, dimensions, precision=None, **options):
        # The gradient of rounding rounds the gradient: what flows back enters the products rounded, too.
        return rounded(jax.lax.dot_general(rounded(a), rounded(b), dimensions, precision=precision, **options))

    with mock.patch.object(flax.linen.linear, "lax", mock.Mock(wraps=jax.lax, dot_general=dot_general)):
        yield


def main(options: Options) -> None:
    problem = locate(options.data, options.features, options.splits).load()

    base = Generative(ABP(hidden=options.hidden), zsl_noise=False)
    setup = StudySetup(problem, {"abp": base}, options.transform, options.epochs, options.seeds)
    t1: dict[str, list[float]] = {}
    with Console(stderr=True).status("") as status:
        for name in MANTISSA:
            status.update(name)
            with precision(name):
                t1[name] = [metrics["T1"] for metrics in Runs(setup, base, (ZSL(),)).last_metrics()]
    table = Table(title=f"T1 of ABP, {options.data}, {options.epochs} epochs, hidden layer {options.hidden}")
    for heading in ("precision", "T1", "std", "against float32", "p (Holm)"):
        table.add_column(heading, justify="left" if heading == "precision" else "right")
    differences = compare({name: (values, t1["highest"]) for name, values in t1.items()})
    for name, values in t1.items():
        p = "" if differences[name].p is None else f"{differences[name].p:.2f}"
        spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
        table.add_row(name, f"{np.mean(values):.1f}", f"{spread:.1f}", f"{differences[name].mean:+.2f}", p)
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps({"machine": describe(), "T1": t1}, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
