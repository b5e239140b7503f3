"""`jzsl study`: answer one question with a table (CSV, JSON) and a figure."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NoReturn

import tyro
from rich.console import Console
from rich.table import Table

from jzsl.config import Experiment, Stage
from jzsl.data.clustered import Clustered
from jzsl.data.described import described
from jzsl.data.frequency import read_frequency
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.image_folder import ImageFolder
from jzsl.data.locate import locate
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.data.source import SourceConfig
from jzsl.driver.lengths import fixed_epochs
from jzsl.driver.load import load_config
from jzsl.errors import InputError, require_positive
from jzsl.exchange import encode
from jzsl.extraction.frozen_maps import FrozenMaps
from jzsl.problem.transforms import MinMax, TransformConfig
from jzsl.report.figures import require_room
from jzsl.report.terminal import study_table
from jzsl.self_training.selection.hard_classes import hard_class_fraction
from jzsl.self_training.sths import STHS
from jzsl.studies.bases import base_named
from jzsl.studies.catalogue import studies, study_named
from jzsl.studies.runs import LoadedData
from jzsl.studies.study import Study, StudySetup, write
from jzsl.verbs.part_classes import classes_in


@dataclass(frozen=True)
class StudyOptions:
    """Answer one question with a table (CSV, JSON) and a figure."""

    name: tyro.conf.Positional[str]
    """a study, listed by `jzsl study` alone, or a Python file that exports STUDY"""
    out: Path
    """folder for table.csv, table.json, figure.png and figure.svg"""
    data: str | None = None
    """digits, digits_images, digits_shift, digits_shift_images, digits_domains, synthetic, two_moons, a file or a
    folder, as for
    `jzsl data`; by default those of --config, else the study's"""
    features: str | None = None
    """xlsa17: the file of features, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""
    base: tuple[str, ...] = ()
    """the methods to study (by default the study's): s2v, abp, cvae, wgan, committee, supervised, the class of any
    method or generator such as eszsl, or a config file, whose method it is"""
    hidden: int | None = None
    """nodes in the hidden layers of generators; by default their papers' numbers"""
    config: Path | None = None
    """a config whose method (where no base is named), epochs or learning steps, stages, self-training and scaling
    are studied instead, or refused where the study does not carry them out; pictures are read as it reads them, and as
    many of each class"""
    epochs: int | None = None
    """epochs of each training; by default the study's"""
    seeds: int = 5
    """number of seeds"""
    rounds: int | None = None
    """T, where a study self-trains (4)"""
    hard_class_fraction: float | None = None
    """K there, as a share of the unseen classes (0.8)"""
    transform: str | None = None
    """of the samples: MinMax (the default), Unscaled, Whitened, ..."""
    frequency: Path | None = None
    """a .npy file: how often each sample of the data is recognised, such as the human selection frequency, in [0, 1];
    or people's votes, a row for each test sample and a column for each class, such as cifar10h-probs.npy"""


def study(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        Console().print(_list())
        if not arguments:
            return 0
    options = tyro.cli(StudyOptions, args=arguments, prog="jzsl study")
    require_positive(options, "seeds")
    name, chosen = study_named(options.name)
    require_room(options.out)
    with Console(stderr=True).status("") as status:
        setup = setup_of(options, chosen, status.update)
        result = chosen.run(setup)
    result = result._replace(notes=(*result.notes, *setup.problem.provenance.notes))
    if setup.self_training is not None and chosen.self_training is None:
        left_out = f"self_training of {options.config} plays no part: this study does not self-train"
        result = result._replace(notes=(*result.notes, left_out))
    provenance = setup.problem.provenance
    header = {
        "study": name,
        "data": {"name": provenance.name, "hash": setup.problem.hash, "features": provenance.features},
        "epochs": setup.epochs,
        "seeds": setup.seeds,
        "rounds": setup.rounds,
        "hard_class_fraction": setup.hard_class_fraction,
        "bases": {name: encode(base) for name, base in setup.bases.items()},
    }
    write(chosen.question, result, options.out, header)
    screen = Console()
    screen.print(study_table(chosen.question, result.rows, result.columns))
    for line in (result.answer, *result.notes, f"saved in {options.out}"):
        screen.print(line)
    return 0


def setup_of(options: StudyOptions, chosen: Study, progress: Callable[[str], None]) -> StudySetup:
    """The options of the command line, then those of the config, then the defaults."""
    if options.hidden is not None:
        require_positive(options, "hidden")
    bases = dict(base_named(name, options.hidden) for name in options.base or chosen.bases)
    values: dict[str, Any] = {
        "epochs": chosen.epochs,
        "rounds": 4,
        "hard_class_fraction": 0.8,
        "transform": MinMax(),
    }
    experiment = None if options.config is None else load_config(options.config)
    require_carried_out(options, chosen, experiment)
    if options.config is not None and experiment is not None:
        bases = bases if options.base else {options.config.stem: experiment.method}
        values |= {"transform": experiment.transform, "tasks": experiment.tasks, "calibration": experiment.calibration}
        values |= {"stages": experiment.stages}
        if experiment.train.epochs is not None:
            values |= {"epochs": experiment.train.epochs}
        if experiment.self_training is not None:
            sths = experiment.self_training
            values |= {"rounds": sths.rounds, "self_training": sths}
            fraction = hard_class_fraction(sths.selection)
            values |= {} if fraction is None else {"hard_class_fraction": fraction}
    names = ("epochs", "rounds", "hard_class_fraction")
    values |= {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.transform is not None:
        values["transform"] = _transform(options.transform)
    for name in names:
        if not values[name] > 0:
            raise InputError(f"{name}: {values[name]} found, expected a positive number")
    if experiment is None or options.data is not None:
        source = locate(options.data or chosen.data, options.features, options.splits)
        source = source if experiment is None else as_read_by(experiment.data, source)
    else:
        source = experiment.data
    whole = (source.data if isinstance(source, PerClass) else source).load()
    problem = replace(source, data=LoadedData(whole)).load() if isinstance(source, PerClass) else whole
    if experiment is not None and experiment.semantics is not None:
        problem = described(problem, experiment.semantics)
    if experiment is not None and experiment.train.steps is not None and options.epochs is None:
        values["epochs"] = fixed_epochs(experiment, problem)
    frequency = None if options.frequency is None else read_frequency(options.frequency, whole)
    return StudySetup(problem, bases, seeds=options.seeds, progress=progress, frequency=frequency, **values)


def require_carried_out(options: StudyOptions, chosen: Study, experiment: Experiment | None) -> None:
    """Raises an InputError, naming the field, if a config has stages or a self-training that the study would leave out
    or carry out otherwise than a run of the config."""
    if experiment is not None:
        if experiment.stages and not chosen.stages:
            _refuse_stages(f"{options.config}", experiment.stages, f"{options.name} trains its methods without any")
        sths = experiment.self_training
        if sths is not None and chosen.self_training is not None:
            for field in fields(sths):
                value, default = getattr(sths, field.name), getattr(STHS(), field.name)
                if field.name not in chosen.self_training and value != default:
                    raise InputError(
                        f"{options.config}: self_training.{field.name}: {value} found, expected {default}: the study "
                        f"{options.name} keeps {', '.join(chosen.self_training)} alone"
                    )
    trained = experiment.stages if experiment is not None and chosen.stages else ()
    for path in options.base:
        if path.endswith(".py") and (stages := load_config(Path(path)).stages) and stages != trained:
            _refuse_stages(f"base: {path}", stages, "a base is its method alone, and stages are those of --config")


def _refuse_stages(where: str, stages: tuple[Stage, ...], why: str) -> NoReturn:
    names = ", ".join(stage.name for stage in stages)
    raise InputError(f"{where}: stages: {names} found, expected none: {why}")


def as_read_by(configured: SourceConfig, source: SourceConfig) -> SourceConfig:
    """A source of pictures with the size, splits and semantics of a config's, in the sources that the config wraps
    around its: as many of each class, maps of a network, an upper bound. Of other sources the maps, new classes or
    missing labels alone are taken."""
    inner: SourceConfig | None = getattr(configured, "data", None)
    wraps_any = isinstance(configured, FrozenMaps | NewClasses | Clustered)
    if inner is not None and (isinstance(source, ImageBytes | ImageFolder) or wraps_any):
        wrapper: Any = configured
        return replace(wrapper, data=as_read_by(inner, source))
    if isinstance(source, ImageBytes) and isinstance(configured, ImageBytes):
        return replace(configured, path=source.path)
    if isinstance(source, ImageFolder) and isinstance(configured, ImageFolder):
        return replace(configured, root=source.root)
    return source


def _transform(name: str) -> TransformConfig:
    """The transform of that name in `jzsl.problem`, with its default settings."""
    known = {cls.__name__: cls for cls in classes_in("jzsl.problem") if issubclass(cls, TransformConfig)}
    if name not in known:
        raise InputError(f"transform: {name} found, expected {', '.join(sorted(known))}")
    return known[name]()


def _list() -> Table:
    """The studies and their questions."""
    table = Table(title="jzsl study NAME --out FOLDER", show_header=False)
    for name, each in studies().items():
        table.add_row(name, each.question)
    return table
