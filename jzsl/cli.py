"""The command line: `jzsl VERB`. Thin; every verb calls a function of the library."""

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console

from jzsl.analysis.options import StudyOptions, setting_of
from jzsl.analysis.questions import Study
from jzsl.analysis.study import write
from jzsl.analysis.tuning import tuning_finding
from jzsl.config import Experiment, decode, encode, load_config
from jzsl.data.arrays import read_entries
from jzsl.data.locate import locate
from jzsl.devices.compilation import keep_programs
from jzsl.devices.processes import Cluster, is_first, leave_at_once, lost_process
from jzsl.devices.stages import Stages
from jzsl.errors import DivergedError, InputError, WriteError, require_positive
from jzsl.report.figures import require_matplotlib
from jzsl.report.paper_table import FORMATS, rows_of
from jzsl.report.terminal import finding_table, problem_table, result_table, stage_table
from jzsl.training import model
from jzsl.training.interrupt import Interrupted
from jzsl.training.repeat import changes, recorded
from jzsl.training.runner import run as run_experiment
from jzsl.training.tuning import Grid, tune
from jzsl.types import Task

USAGE = """\
usage: jzsl VERB ...

  jzsl run CONFIG.py [--any.field value] [--seeds N] [--out DIR] [--resume] [--profile]
      train and score; `jzsl run CONFIG.py -h` shows every field with its default and meaning
  jzsl run --from RUN_DIR [--out DIR]
      repeat a run from its folder, and compare the numbers
  jzsl tune CONFIG.py --out DIR [--grid.hard 0.5 0.7 ...]
      choose the settings of self-training on classes treated as unseen
  jzsl study NAME --data SOURCE --out DIR
      answer one question of the papers with a table and a figure; `jzsl study -h` lists them
  jzsl predict RUN_DIR FEATURES --out predictions.csv
      classify new feature rows with a saved run
  jzsl table RUN_DIR... [--format markdown|latex|csv] [--out FILE]
      finished runs as a table for a paper
  jzsl data info|check SOURCE
      sizes, classes, splits and hash of a data source, and the problems found in it
"""


@dataclass(frozen=True)
class Execution:
    """Where the results go, and what comes with them."""

    out: Path | None = None
    """folder for the results; by default runs/NAME_OF_THE_CONFIG, or runs/NAME_OF_THE_RUN-again"""
    resume: bool = False
    """go on with the run in that folder"""
    profile: bool = False
    """write a trace of one chunk of epochs into the folder, and tell where the time of the run went"""
    tensorboard: bool = False
    """write TensorBoard's event files into the folder, too"""
    cluster: tyro.conf.OmitArgPrefixes[Cluster] = Cluster()


@dataclass(frozen=True)
class RunOptions:
    """Train and score an experiment."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    execution: tyro.conf.OmitArgPrefixes[Execution] = Execution()


@dataclass(frozen=True)
class PredictOptions:
    """Classify new feature rows with a saved run."""

    run_dir: tyro.conf.Positional[Path]
    """folder of the run"""
    features: tyro.conf.Positional[Path]
    """feature rows, unscaled: .npy, or `features` in an .npz, .h5 or .mat file"""
    out: Path
    """the table to write: row, class, score, and a column of scores for each class"""
    seed: int = 0
    """whose model"""
    task: Task | None = None
    """zsl: among unseen classes; gzsl: among all; by default the run's first task"""


@dataclass(frozen=True)
class TableOptions:
    """Finished runs as a table for a paper, beside published numbers of the same setting, data, features and split."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """folders of the runs"""
    format: Literal["markdown", "latex", "csv"] = "markdown"
    """latex needs the package booktabs"""
    out: Path | None = None
    """a file; by default the table is printed"""


@dataclass(frozen=True)
class DataOptions:
    """Look at a data source."""

    action: tyro.conf.Positional[Literal["info", "check"]]
    """info: a table; check: the table, or every problem found and exit status 2"""
    source: tyro.conf.Positional[str]
    """digits, digits_shift, synthetic, an .npz or .h5 file, a folder of .npy files, or a folder of the xlsa17 layout"""
    features: str | None = None
    """xlsa17: the file of features, without .mat"""
    splits: str | None = None
    """xlsa17: the file of splits, without .mat"""


@dataclass(frozen=True)
class TuneOptions:
    """Choose the settings of self-training on classes treated as unseen."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    out: Path
    """folder for table.csv, table.json, figure.png and figure.svg"""
    grid: Grid = Grid()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb and returns the exit status: 0, 1 if training diverged or a file cannot be written, 2 for the user's
    mistakes, 128 + signal."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    verbs: dict[str, Callable[[list[str]], int]] = {
        "run": _run,
        "tune": _tune,
        "study": _study,
        "predict": _predict,
        "table": _table,
        "data": _data,
    }
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    if arguments[0] not in verbs:
        return _fail(f"{arguments[0]}: no such verb, expected {', '.join(verbs)}", 2)
    keep_programs()
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _leave_out_closed_loops
    try:
        return verbs[arguments[0]](arguments[1:])
    except InputError as error:
        return _fail(str(error), 2)
    except (DivergedError, WriteError) as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except Interrupted as stop:
        return _fail(f"stopped by {stop}; the state is saved, and --resume goes on from it", stop.status)
    except Exception as error:
        lost = lost_process(error)
        if lost is None:
            raise
        leave_at_once(_fail(lost, 1))


def _leave_out_closed_loops(unraisable: Any) -> None:
    """After a failed write the checkpoint's other tasks find their event loop gone, which is no news."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def _fail(message: str, status: int) -> int:
    print(f"jzsl: {' '.join(message.split())}", file=sys.stderr)
    return status


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] == "--from":
        return _repeat(arguments[1:])
    if not arguments or arguments[0].startswith("-"):
        print(USAGE, end="", file=sys.stdout if "-h" in arguments or "--help" in arguments else sys.stderr)
        return 0 if "-h" in arguments or "--help" in arguments else 2
    path = Path(arguments[0])
    default = RunOptions(load_config(path))
    options = tyro.cli(RunOptions, default=default, args=arguments[1:], prog=f"jzsl run {path}")
    _run_into(options.experiment, Path("runs") / path.stem, options.execution)
    return 0


def _repeat(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        return _fail("run --from: the next argument is the folder of a run", 2)
    run_dir = Path(arguments[0])
    options = tyro.cli(
        Execution,
        args=arguments[1:],
        prog=f"jzsl run --from {run_dir}",
        description="Repeat a run from its folder, and compare the numbers.",
    )
    experiment, header = recorded(run_dir)
    result = _run_into(experiment, Path("runs") / f"{run_dir.resolve().name}-again", options, header)
    different = changes(run_dir, result, experiment.numbers)
    for line in different:
        _fail(f"{run_dir}: {line}", 1)
    if not different:
        Console(quiet=not is_first()).print(f"every number equals that of {run_dir}")
    return 1 if different else 0


def _run_into(
    experiment: Experiment, default: Path, how: Execution, like: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Runs, prints the table, and returns the result."""
    out = how.out or default
    how.cluster.join()
    progress, stages = Console(stderr=True, quiet=not is_first()), Stages()
    result = run_experiment(experiment, out, how.resume, progress, stages, how.profile, like, how.tensorboard)
    console = Console(quiet=not is_first())
    console.print(result_table(result, experiment.numbers))
    if how.profile:
        console.print(stage_table(stages.table(5)))
        console.print(f"trace for Perfetto and TensorBoard in {out / 'profile'}")
    console.print(f"saved in {out}")
    return result


def _predict(arguments: list[str]) -> int:
    options = tyro.cli(PredictOptions, args=arguments, prog="jzsl predict")
    path = options.run_dir / "config.json"
    try:
        experiment = decode(json.loads(path.read_text())["experiment"])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected the folder of a run") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the config of a run ({error})") from error
    entries = read_entries(options.features)
    if "features" not in entries:
        raise InputError(f"{options.features}: features: missing; found {', '.join(sorted(entries)) or 'nothing'}")
    trained = model.load(options.run_dir / "checkpoints" / f"seed-{options.seed}", experiment.method, options.task)
    try:
        scores = trained.scores(entries["features"])
    except InputError as error:
        raise InputError(f"{options.features}: {error}") from error
    best = scores.argmax(1)
    temporary = options.out.with_name(f".{options.out.name}.new")
    try:
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "class", "score", *trained.names])
            for row, (column, values) in enumerate(zip(best, scores, strict=True)):
                writer.writerow([row, trained.names[column], values[column], *values])
        os.replace(temporary, options.out)
    except OSError as error:
        raise InputError(f"{options.out}: cannot be written ({error.strerror})") from error
    print(f"{len(scores)} rows classified among {len(trained.names)} classes: {options.out}")
    return 0


def _check_figures(out: Path) -> None:
    """Before long work: the folder is free and a figure can be drawn."""
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out")
    require_matplotlib()


def _tune(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        return _fail("tune: the first argument is a config file", 2)
    path = Path(arguments[0])
    default: Any = {"experiment": load_config(path), "out": tyro.MISSING}
    options = tyro.cli(TuneOptions, default=TuneOptions(**default), args=arguments[1:], prog=f"jzsl tune {path}")
    _check_figures(options.out)
    problem = options.experiment.data.load()
    with Console(stderr=True).status("") as status:
        candidates = tune(options.experiment, problem, options.grid, status.update)
    finding = tuning_finding(candidates)
    write(finding, options.out, {"experiment": encode(options.experiment), "data": problem.hash})
    screen = Console()
    screen.print(finding_table(finding.question, finding.rows, finding.columns))
    best = candidates[0]
    screen.print(finding.answer)
    screen.print(
        f"jzsl run {path} --train.epochs {best.epochs} --self-training.rounds {best.rounds} "
        f"--self-training.hard {best.hard} --selection {best.selection.name} "
        f"--self-training.refinement {best.refinement.name}"
    )
    return 0


def _study(arguments: list[str]) -> int:
    # The names have dashes on the command line and underscores in Python.
    arguments = [part.replace("-", "_") if part.replace("-", "_") in Study.__members__ else part for part in arguments]
    options = tyro.cli(StudyOptions, args=arguments, prog="jzsl study")
    require_positive(options, "seeds")
    _check_figures(options.out)
    console = Console(stderr=True)
    with console.status("") as status:
        setting = setting_of(options, status.update)
        finding = options.name.value.ask(setting)
    problem, bases = setting.problem, setting.bases
    header = {
        "study": options.name.name,
        "data": {"name": problem.provenance.name, "hash": problem.hash, "features": problem.provenance.features},
        "epochs": setting.epochs,
        "seeds": setting.seeds,
        "rounds": setting.rounds,
        "hard": setting.hard,
        "bases": {name: encode(base) for name, base in bases.items()},
    }
    write(finding, options.out, header)
    screen = Console()
    screen.print(finding_table(finding.question, finding.rows, finding.columns))
    for line in (finding.answer, *finding.notes, f"saved in {options.out}"):
        screen.print(line)
    return 0


def _table(arguments: list[str]) -> int:
    options = tyro.cli(TableOptions, args=arguments, prog="jzsl table")
    if not options.runs:
        return _fail("table: no run given, expected the folders of finished runs", 2)
    text = FORMATS[options.format](rows_of(list(options.runs)))
    if options.out is None:
        print(text, end="")
        return 0
    try:
        options.out.write_text(text)
    except OSError as error:
        raise InputError(f"{options.out}: cannot be written ({error.strerror})") from error
    return 0


def _data(arguments: list[str]) -> int:
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
        console.print("no problems found")
    return 0
