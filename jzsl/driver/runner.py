"""A run from its experiment to its result: checks, the training loop with its sinks, the result."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from jzsl.config import Experiment
from jzsl.devices.memory import available
from jzsl.devices.processes import from_first, is_first, require_same
from jzsl.driver import folder
from jzsl.driver.checkpoints import write_json
from jzsl.driver.cluster_validity import cluster_validity
from jzsl.driver.events import Sink
from jzsl.driver.interrupt import InterruptFlag
from jzsl.driver.journal import Journal
from jzsl.driver.names import doubts, judged_names
from jzsl.driver.plan import Plan, plan_of
from jzsl.driver.progress_bar import ProgressBar
from jzsl.driver.result import summary
from jzsl.driver.stages import StageStore
from jzsl.driver.tensorboard import EventFiles, require_tensorboard
from jzsl.driver.timing import LOAD, PREPARE, Timing
from jzsl.driver.training_loop import TrainingLoop
from jzsl.problem.problem import Problem


def run(
    experiment: Experiment,
    out: Path,
    resume: bool,
    console: Console,
    timing: Timing | None = None,
    profile: bool = False,
    like: dict[str, Any] | None = None,
    tensorboard: bool = False,
    stages_from: Path | None = None,
    sinks: Sequence[Sink] = (),
) -> dict[str, Any]:
    """Runs an experiment into the folder `out` and returns what result.json holds.

    Nothing is written before config and data have passed their checks. With `resume`, a run that was stopped or killed
    goes on from its last checkpoint and ends with the same bits.

    Args:
        experiment: what to run.
        out: its folder.
        resume: whether the folder exists already.
        console: for progress and warnings.
        timing: adds up where the time goes.
        profile: write a trace of one chunk of epochs into its folder `profile`.
        like: the header of another run, which this one repeats; then the data must be the same.
        tensorboard: write event files into its folder `tensorboard`.
        stages_from: folder of a run whose finished stages are taken over where config, data and seed agree.
        sinks: take the run's events besides the library's sinks.

    Raises:
        InputError: for a mistake in config, data or folder, or if the run needs more memory than there is.
        WriteError: if a file cannot be written; what was saved before is whole.
        DivergedError: if a metric is not finite; the last good checkpoint stays.
        Interrupted: after SIGTERM or SIGINT, once the state is saved.
    """
    timing = timing or Timing()
    if tensorboard:
        require_tensorboard()
    experiment = folder.of_run(out, experiment, resume)

    def warn(text: str) -> None:
        console.print(f"warning: {text}", style="yellow")

    with InterruptFlag() as interrupt, timing:
        with timing(LOAD):
            problem = experiment.load()
            require_same(problem.hash, "hash of the data")
        stages = StageStore(out, experiment, problem, stages_from, warn)
        for warning in problem.warnings:
            warn(warning)
        header = folder.header_of(experiment, problem)
        if like is not None:
            from_first(lambda: folder.require_like(like, header, "the run to repeat", console))
        if resume and (done := folder.check(out, header, console)) is not None:
            return done
        with timing(PREPARE), console.status("compiling"):
            plan = plan_of(problem, experiment)
        if not resume:
            folder.make(out, header)
        console.print(
            f"needs {plan.bytes / 1e9:.3g} GB of {available(experiment.memory_gb) / 1e9:.3g} GB on each device"
        )
        with folder.held(out):
            trace_folder = out / "profile" if profile else None
            loop = TrainingLoop(experiment, problem, plan, out, interrupt, timing, stages, warn, trace_folder)
            _deliver(loop, [*_file_sinks(out, loop.record.lines, tensorboard), ProgressBar(console), *sinks])
            result = summary(experiment, problem, loop.record, plan, plan.final.view.setting)
            result |= {"data": header["data"], "notes": header["notes"], "versions": header["versions"]}
            return _written(result, experiment, problem, plan, out, warn) if is_first() else result


def _deliver(loop: TrainingLoop, sinks: Sequence[Sink]) -> None:
    """Runs the training loop, and hands each of its events to every sink."""
    try:
        for event in loop.events():
            for sink in sinks:
                sink(event)
    finally:
        loop.close()
        for sink in sinks:
            sink.close()


def _written(
    result: dict[str, Any],
    experiment: Experiment,
    problem: Problem,
    plan: Plan,
    out: Path,
    warn: Callable[[str], None],
) -> dict[str, Any]:
    """The result with the names of its groups judged and its clusters measured, in result.json: without these first,
    for a diagnosis that fails costs no result."""
    write_json(out / "result.json", result)
    result = result | judged_names(experiment, problem, plan.final.view, out)
    if problem.clusters:
        result["clusters"] |= cluster_validity(experiment, problem, out)
    if (doubt := doubts(result)) is not None:
        warn(doubt)
    write_json(out / "result.json", result)
    return result


def _file_sinks(out: Path, lines: int, tensorboard: bool) -> list[Sink]:
    """The sinks that write files, in the first process alone."""
    if not is_first():
        return []
    journal = Journal(out / "metrics.jsonl", keep=lines)
    return [journal, EventFiles(out / "tensorboard", out / "metrics.jsonl")] if tensorboard else [journal]
