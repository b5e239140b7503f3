"""`jzsl data`: look at a data source."""

import sys
from dataclasses import dataclass
from typing import Literal

import tyro
from rich.console import Console

from jzsl.data.locate import locate
from jzsl.errors import InputError
from jzsl.report.terminal import problem_table


@dataclass(frozen=True)
class DataOptions:
    """Look at a data source."""

    action: tyro.conf.Positional[Literal["info", "check"]]
    """info: a table; check: the table, or everything that is wrong and exit status 2"""
    source: tyro.conf.Positional[str]
    """digits, digits_images, digits_shift, synthetic, an .npz or .h5 file, a folder of .npy files or of xlsa17"""
    features: str | None = None
    """xlsa17: the file of features, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""


def data(arguments: list[str]) -> int:
    options = tyro.cli(DataOptions, args=arguments, prog="jzsl data")
    try:
        problem = locate(options.source, options.features, options.splits).load()
    except InputError as error:
        if options.action == "info" or len(error.problems) == 1:
            raise
        for line in error.problems:
            print(f"jzsl: {options.source}: {line}", file=sys.stderr)
        return 2
    console = Console()
    console.print(problem_table(problem))
    if options.action == "check":
        console.print("usable, see the warnings" if problem.warnings else "no problems found")
    return 0
