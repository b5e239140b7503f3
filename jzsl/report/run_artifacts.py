"""What a finished run has written into its folder, read for its report."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jzsl.config import Experiment
from jzsl.driver import predictions, saved_model
from jzsl.driver.cluster_names import named
from jzsl.driver.predictions import TaskPredictions
from jzsl.driver.repeat import recorded
from jzsl.driver.result import read_run
from jzsl.driver.saved_model import Model
from jzsl.errors import InputError
from jzsl.interfaces import Method, Task
from jzsl.problem.problem import Problem
from jzsl.records import require_record


class RunArtifacts(NamedTuple):
    """A finished run.

    Attributes:
        name: of its folder.
        experiment: what was run.
        header: the content of config.json.
        result: the content of result.json.
        metrics: the lines of metrics.jsonl.
        predictions: of each seed, by the tasks' names.
        model: of the first seed, for its first task.
        problem: the data, or None where they are not available.
        missing: why they are not.
    """

    name: str
    experiment: Experiment
    header: dict[str, Any]
    result: dict[str, Any]
    metrics: list[dict[str, Any]]
    predictions: list[dict[str, TaskPredictions]]
    model: Model
    problem: Problem | None
    missing: str

    @property
    def task(self) -> Task:
        """The first task, whose headline metric is the report's."""
        return self.experiment.tasks[0]

    @property
    def method(self) -> Method:
        """The method of the first task."""
        return self.experiment.method.build(self.task)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of all classes."""
        return self.model.class_names

    @property
    def unseen(self) -> Int[np.ndarray, " u"]:
        """The classes without labelled samples."""
        return self.model.unseen

    def of_task(self, task: Task) -> list[TaskPredictions]:
        """A task's predictions, one entry per seed."""
        return [of_seed[task.name] for of_seed in self.predictions]

    @property
    def has_rounds(self) -> bool:
        return bool(self.result["rounds"])

    def lines(self, phase: str = "final", stage: str | None = None) -> list[dict[str, Any]]:
        """The lines of metrics of a phase; of a stage before the method's own training, where one is named."""
        return [line for line in self.metrics if line["phase"] == phase and line.get("stage") == stage]


def read(run_dir: Path, config: Path | None = None) -> RunArtifacts:
    """Everything that a report needs of a finished run.

    Args:
        run_dir: its folder.
        config: its config file, if that has classes of its own.

    Raises:
        InputError: naming the file that is missing or damaged.
    """
    experiment, header = recorded(run_dir, config)
    _, result = read_run(run_dir)
    for name in experiment.numbers:
        if name not in result:
            raise InputError(f"{run_dir / 'result.json'}: not the result of this run ({name} is missing)")
    if len(result["seeds"]) != experiment.seeds or result["seeds"] != list(range(len(result["seeds"]))):
        raise InputError(f"{run_dir / 'result.json'}: not the result of this run (seeds: {result['seeds']} found)")
    first = run_dir / "checkpoints" / f"seed-{result['seeds'][0]}"
    model = named(saved_model.load(first, experiment), run_dir, result["seeds"][0])
    saved = [predictions.load(run_dir, seed, experiment.tasks) for seed in result["seeds"]]
    for of_seed in saved:
        if missing := {task.name for task in experiment.tasks} - set(of_seed):
            raise InputError(f"{run_dir}: no predictions of the task {missing.pop()}")
        if any(max(one.truth.max(), one.candidates.max()) >= len(model.class_names) for one in of_seed.values()):
            raise InputError(f"{run_dir}: predictions of classes that the model does not have")
    problem, why = _data(experiment, header["data"].get("hash", ""))
    name, metrics = run_dir.resolve().name, _metrics(run_dir / "metrics.jsonl")
    return RunArtifacts(name, experiment, header, result, metrics, saved, model, problem, why)


def _metrics(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable ({' '.join(str(error).split())})") from error
    for line in lines:
        require_record(line, {"phase": str, "seed": int}, f"{path}: not the metrics of a run")
    return lines


def _data(experiment: Experiment, known: str) -> tuple[Problem | None, str]:
    try:
        problem = experiment.load()
    except InputError as error:
        return None, f"the data are not available ({error})"
    if problem.hash != known:
        return None, f"the data have changed: the run's hash is {known}, now {problem.hash}"
    return problem, ""
