"""`jzsl table`: finished runs as a table for a paper."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from jzsl.errors import InputError
from jzsl.report.paper_table import FORMATS, rows_of
from jzsl.verbs.status import fail


@dataclass(frozen=True)
class TableOptions:
    """Finished runs as a table for a paper, beside published results of the same setting, data, features and split."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """folders of the runs"""
    format: Literal["markdown", "latex", "csv"] = "markdown"
    """latex needs the package booktabs"""
    out: Path | None = None
    """a file; by default the table is printed"""


def table(arguments: list[str]) -> int:
    options = tyro.cli(TableOptions, args=arguments, prog="jzsl table")
    if not options.runs:
        return fail("table: no run given, expected the folders of finished runs", 2)
    text = FORMATS[options.format](rows_of(list(options.runs)))
    if options.out is None:
        print(text, end="")
        return 0
    try:
        options.out.write_text(text)
    except OSError as error:
        raise InputError(f"{options.out}: cannot be written ({error.strerror})") from error
    return 0
