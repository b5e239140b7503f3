"""`jzsl data`: look at a data source."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from jzsl.data.encoded import PictureSource, size_of
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import ImageFolder
from jzsl.data.locate import locate
from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.report.terminal import problem_table


@dataclass(frozen=True)
class DataOptions:
    """Look at a data source."""

    action: tyro.conf.Positional[Literal["info", "check"]]
    """info: a table; check: the table, or everything that is wrong and exit status 2"""
    source: tyro.conf.Positional[str]
    """digits, digits_images, digits_shift, digits_shift_images, digits_domains, synthetic, two_moons; an .npz or .h5
    file; or a folder of .npy files, of the xlsa17 layout, or of class folders of pictures"""
    features: str | None = None
    """xlsa17: the file of features, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""
    images: Path | None = None
    """xlsa17: the folder of the pictures, which are then the samples"""
    size: int | None = None
    """pictures: height and width of what is read of each; by default whole pictures, all of one size"""
    shorter: int | None = None
    """pictures: their shorter side is resized to so many pixels, before the central square is taken"""
    domains: bool = False
    """pictures: the class folders lie in folders of domains"""


def _source(options: DataOptions) -> SourceConfig:
    source = locate(options.source, options.features, options.splits, options.images)
    if options.size is not None or options.shorter is not None:
        if not isinstance(source, PictureSource):
            raise InputError(f"size: given, but {options.source} holds no pictures to read")
        source = dataclasses.replace(source, reading=Reading(options.size, options.shorter))  # type: ignore[type-var]
    if options.domains:
        if not isinstance(source, ImageFolder):
            raise InputError(f"domains: given, but {options.source} is no folder of pictures")
        source = dataclasses.replace(source, domains=True)
    return source


def data(arguments: list[str]) -> int:
    options = tyro.cli(DataOptions, args=arguments, prog="jzsl data")
    console = Console()
    try:
        source = _source(options)
        if options.action == "check" and isinstance(source, PictureSource):
            console.print(size_of(source))
        problem = source.load()
    except InputError as error:
        if options.action == "info" or len(error.problems) == 1:
            raise
        for line in error.problems:
            print(f"jzsl: {options.source}: {line}", file=sys.stderr)
        return 2
    console.print(problem_table(problem))
    if options.action == "check":
        console.print("usable, see the warnings" if problem.warnings else "no problems found")
    return 0
