"""`jzsl run`: train and evaluate an experiment, or repeat a run from its folder."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from jzsl.config import Experiment
from jzsl.devices.processes import Cluster, is_first
from jzsl.driver.load import load_namespace
from jzsl.driver.repeat import changes, recorded
from jzsl.driver.runner import run as run_experiment
from jzsl.driver.timing import Timing
from jzsl.report.terminal import result_table, timing_table
from jzsl.verbs.parts import parse
from jzsl.verbs.status import USAGE, fail


@dataclass(frozen=True)
class Execution:
    """Where the results go, and what is recorded beside them."""

    out: Path | None = None
    """folder for the results; by default runs/NAME_OF_THE_CONFIG, or runs/NAME_OF_THE_RUN-again"""
    resume: bool = False
    """continue the run in that folder"""
    profile: bool = False
    """write a trace of one chunk of epochs into the folder, and print where the time of the run went"""
    tensorboard: bool = False
    """also write event files for TensorBoard into the folder"""
    stages_from: Path | None = None
    """folder of a run whose finished stages are taken over, where config, data and seed are the same"""
    cluster: tyro.conf.OmitArgPrefixes[Cluster] = Cluster()


@dataclass(frozen=True)
class RepeatOptions:
    """Repeat a run from its folder, and compare the metrics."""

    config: Path | None = None
    """the config file of the run, if it has classes of its own"""
    execution: tyro.conf.OmitArgPrefixes[Execution] = Execution()


@dataclass(frozen=True)
class RunOptions:
    """Train and evaluate an experiment."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    execution: tyro.conf.OmitArgPrefixes[Execution] = Execution()


def run(arguments: list[str]) -> int:
    if arguments and arguments[0] == "--from":
        return _repeat(arguments[1:])
    if not arguments or arguments[0].startswith("-"):
        print(USAGE, end="", file=sys.stdout if "-h" in arguments or "--help" in arguments else sys.stderr)
        return 0 if "-h" in arguments or "--help" in arguments else 2
    path = Path(arguments[0])
    namespace = load_namespace(path)
    options = parse(RunOptions, RunOptions(namespace["CONFIG"]), arguments[1:], f"jzsl run {path}", namespace)
    _run_into(options.experiment, Path("runs") / path.stem, options.execution)
    return 0


def _repeat(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        return fail("run --from: the next argument is the folder of a run", 2)
    run_dir = Path(arguments[0])
    options = tyro.cli(
        RepeatOptions,
        args=arguments[1:],
        prog=f"jzsl run --from {run_dir}",
    )
    experiment, header = recorded(run_dir, options.config)
    result = _run_into(experiment, Path("runs") / f"{run_dir.resolve().name}-again", options.execution, header)
    different = changes(run_dir, result, experiment.numbers)
    for line in different:
        fail(f"{run_dir}: {line}", 1)
    if not different:
        Console(quiet=not is_first()).print(f"every metric equals that of {run_dir}")
    return 1 if different else 0


def _run_into(
    experiment: Experiment, default: Path, how: Execution, like: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Runs, prints the table, and returns the result."""
    out = how.out or default
    how.cluster.join()
    progress, timing = Console(stderr=True, quiet=not is_first()), Timing()
    result = run_experiment(
        experiment, out, how.resume, progress, timing, how.profile, like, how.tensorboard, how.stages_from
    )
    console = Console(quiet=not is_first())
    console.print(result_table(result, experiment.numbers))
    if how.profile:
        console.print(timing_table(timing.table(5)))
        console.print(f"trace for Perfetto and TensorBoard in {out / 'profile'}")
    console.print(f"saved in {out}")
    return result
