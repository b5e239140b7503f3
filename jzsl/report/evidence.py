"""What a finished run left behind, read for its report."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.metrics import confusion_matrix

from jzsl.config import Experiment
from jzsl.driver import predictions, saved_model
from jzsl.driver.predictions import TaskPredictions
from jzsl.driver.repeat import recorded
from jzsl.driver.result import read_run
from jzsl.driver.saved_model import Model
from jzsl.errors import InputError
from jzsl.interfaces import Task
from jzsl.metrics.accuracy import per_class_accuracy
from jzsl.problem.problem import Problem
from jzsl.records import require_record

MOST_CLASSES = 1000
"""With more, there is no table of confusions, and tables of classes show the ends."""


class Evidence(NamedTuple):
    """A finished run.

    Attributes:
        name: of its folder.
        experiment: what was run.
        header: what config.json says.
        result: what result.json says.
        journal: the rows of metrics.jsonl.
        predictions: of each seed, by task.
        class_names: of all classes.
        unseen: the classes without labelled rows.
        model: of the first seed, for its first task.
        problem: the data, or None where they are not at hand.
        absent: why not.
    """

    name: str
    experiment: Experiment
    header: dict[str, Any]
    result: dict[str, Any]
    journal: list[dict[str, Any]]
    predictions: list[dict[Task, TaskPredictions]]
    class_names: tuple[str, ...]
    unseen: Int[np.ndarray, " u"]
    model: Model
    problem: Problem | None
    absent: str

    @property
    def task(self) -> Task:
        """The task of the headline."""
        return self.experiment.tasks[0]

    def of(self, task: Task) -> list[TaskPredictions]:
        """A task's predictions, a seed each."""
        return [found[task] for found in self.predictions]

    @property
    def has_rounds(self) -> bool:
        return bool(self.result.get("rounds"))

    def rows(self, phase: str = "final") -> list[dict[str, Any]]:
        """The journal's rows of a phase."""
        return [row for row in self.journal if row["phase"] == phase]


class ClassNumbers(NamedTuple):
    """What a task's predictions say of its classes, in percent; a row a seed.

    Attributes:
        classes: those with test rows.
        accuracy: of each of them.
        candidates: the classes that a row may be taken for.
        predicted: share of the test rows that are predicted as each candidate.
        true: share of the test rows that belong to it.
        confusion: of classes (rows) with candidates (columns), mean over seeds; rows add up to 100. None for more
            classes than anybody looks at.
    """

    classes: Int[np.ndarray, " c"]
    accuracy: Float[np.ndarray, "s c"]
    candidates: Int[np.ndarray, " k"]
    predicted: Float[np.ndarray, "s k"]
    true: Float[np.ndarray, " k"]
    confusion: Float[np.ndarray, "c k"] | None


def read(run_dir: Path, config: Path | None = None) -> Evidence:
    """Everything that a report needs of a finished run.

    Args:
        run_dir: its folder.
        config: its config file, if that has classes of its own.

    Raises:
        InputError: naming the file that is missing or damaged.
    """
    experiment, header = recorded(run_dir, config)
    _, result = read_run(run_dir)
    path = run_dir / "metrics.jsonl"
    try:
        journal = [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable ({' '.join(str(error).split())})") from error
    for row in journal:
        require_record(row, {"phase": str, "seed": int}, f"{path}: not a run's numbers")
    for name in experiment.numbers:
        if name not in result:
            raise InputError(f"{run_dir / 'result.json'}: not the result of this run ({name} is missing)")
    if len(result["seeds"]) != experiment.seeds or result["seeds"] != list(range(len(result["seeds"]))):
        raise InputError(f"{run_dir / 'result.json'}: not the result of this run (seeds: {result['seeds']} found)")
    first = run_dir / "checkpoints" / f"seed-{result['seeds'][0]}"
    saved = saved_model.load(first, experiment.method, experiment.tasks)
    found = [predictions.load(run_dir, seed, experiment.tasks) for seed in result["seeds"]]
    for of_seed in found:
        if missing := set(experiment.tasks) - set(of_seed):
            raise InputError(f"{run_dir}: no predictions of the task {missing.pop().name}")
        if any(max(one.truth.max(), one.candidates.max()) >= len(saved.class_names) for one in of_seed.values()):
            raise InputError(f"{run_dir}: predictions of classes that the model does not have")
    problem, absent = _data(experiment, header["data"].get("hash", ""))
    return Evidence(
        run_dir.resolve().name,
        experiment,
        header,
        result,
        journal,
        found,
        saved.class_names,
        saved.unseen,
        saved,
        problem,
        absent,
    )


def _data(experiment: Experiment, known: str) -> tuple[Problem | None, str]:
    try:
        problem = experiment.load()
    except InputError as error:
        return None, f"the data are not at hand ({error})"
    if problem.hash != known:
        return None, f"the data have changed: the run's hash is {known}, now {problem.hash}"
    return problem, ""


def class_numbers(found: list[TaskPredictions]) -> ClassNumbers:
    """Of one task, from the predictions of all seeds."""
    truth, candidates = found[0].truth, found[0].candidates
    classes = np.unique(truth)
    shares = [np.bincount(one.predicted, minlength=candidates.max() + 1)[candidates] for one in found]
    true = np.bincount(truth, minlength=candidates.max() + 1)[candidates]
    return ClassNumbers(
        classes,
        100 * np.array([per_class_accuracy(one.truth, one.predicted, classes) for one in found]),
        candidates,
        100 * np.array(shares) / len(truth),
        100 * true / len(truth),
        _confusion(found, classes, candidates) if len(candidates) <= MOST_CLASSES else None,
    )


def _confusion(
    found: list[TaskPredictions], classes: Int[np.ndarray, " c"], candidates: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "c k"]:
    every = np.union1d(classes, candidates)
    tables = [confusion_matrix(one.truth, one.predicted, labels=every, normalize="true") for one in found]
    return 100 * np.mean(tables, axis=0)[np.searchsorted(every, classes)][:, np.searchsorted(every, candidates)]


def prior_name(evidence: Evidence) -> str:
    """Where the class prior came from."""
    name = evidence.result["class_prior"]
    return "known prior" if name == "known" else f"estimated prior ({name})"


def estimated_prior(evidence: Evidence) -> Float[np.ndarray, "s k"] | None:
    """The class prior that the last round of each seed ended with, in percent; None where none was used."""
    if not evidence.has_rounds or evidence.result.get("class_prior") in (None, "uniform"):
        return None
    last = {row["seed"]: row["class_prior"] for row in evidence.rows() if "class_prior" in row}
    return 100 * np.array([last[seed] for seed in sorted(last)]) if last else None
