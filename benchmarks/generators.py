"""Seconds per epoch of every generator on equal terms: the same rows, batch and hidden layer, timed in turn.

    python -m benchmarks.generators [--sizes cub awa2 digits] [--rows 1536] [--out FILE.json]

An epoch passes over the rows once; a WGAN's critic sees five times as many. The rate is that of the matrix products
that one pass is made of (`jzsl.studies.cost`); the machine's peak is a 2,048-cubed float32 product of the same run.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.abp_step import SIZES, epoch_of
from benchmarks.machine import alternate, describe, square_product
from jzsl.generators.abp import ABP
from jzsl.generators.cvae import CVAE
from jzsl.generators.wgan import WGAN
from jzsl.studies.cost import costs


@dataclass(frozen=True)
class Options:
    """Time an epoch of every generator."""

    sizes: tuple[str, ...] = ("cub", "awa2", "digits")
    """which of digits, cub, awa2, sun"""
    rows: int = 1536
    """rows of an epoch, best a multiple of 8 minibatches: a group that is not full costs as much as a full one"""
    rounds: int = 5
    """timed calls, of which the median counts"""
    out: Path | None = None
    """also write the numbers as JSON"""


def main(options: Options) -> None:
    generators = {
        "ABP": ABP(),
        "ABP, 8 minibatches at once": ABP(minibatches=8),
        "CVAE, 10 latents": CVAE(latent=10),
        "WGAN": WGAN(classification=0),
    }
    console, results = Console(), []
    table = Table(title=f"Seconds per epoch of {options.rows} rows, batch 64, hidden layer 4,096")
    for heading in ("size", "generator", "s", "against ABP", "GFLOP", "% of peak"):
        table.add_column(heading, justify="left" if heading == "generator" else "right")
    for size in options.sizes:
        semantics, features, classes = SIZES[size]
        square, square_flop = square_product()
        candidates = {
            name: epoch_of(config, semantics, features, classes, options.rows) for name, config in generators.items()
        }
        seconds = alternate({**candidates, "square": square}, options.rounds)
        peak = square_flop / seconds["square"]
        for name, config in generators.items():
            # Minibatches at once change the order of the products, not their number.
            plain = replace(config, minibatches=1) if isinstance(config, ABP) else config
            one = costs(plain.build(), features, semantics, config.batch_size)
            flop = 1e6 * one["training MFLOP per sample"] * options.rows
            share = flop / seconds[name] / peak
            results.append({"size": size, "generator": name, "seconds": seconds[name], "gflop": flop / 1e9,
                            "share_of_peak": share})  # fmt: skip
            table.add_row(size, name, f"{seconds[name]:.3g}", f"{seconds[name] / seconds['ABP']:.2f}",
                          f"{flop / 1e9:.0f}", f"{100 * share:.0f}")  # fmt: skip
    console.print(table)
    if options.out:
        options.out.write_text(json.dumps({"machine": describe(), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
