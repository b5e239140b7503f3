"""`jzsl report`: finished runs as a page to look at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from jzsl.report.page import write_report
from jzsl.verbs.status import fail


@dataclass(frozen=True)
class ReportOptions:
    """Finished runs as one HTML page that needs no network, and its figures as PNG and SVG."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """folders of the runs; the later ones are compared with the first, seed by seed"""
    out: Path | None = None
    """the page; by default report.html in the first run's folder. Figures go into a folder beside it"""
    config: Path | None = None
    """the config file of the runs, if it has classes of its own"""
    embedding: Literal["pca", "tsne"] = "pca"
    """how real and generated features are projected to two dimensions"""


def report(arguments: list[str]) -> int:
    options = tyro.cli(ReportOptions, args=arguments, prog="jzsl report")
    if not options.runs:
        return fail("report: no run given, expected the folders of finished runs", 2)
    with Console(stderr=True).status("") as status:
        page = write_report(options.runs, options.out, options.config, options.embedding == "tsne", status.update)
    print(f"{page}, figures in {page.with_name(page.stem + '_figures')}")
    return 0
