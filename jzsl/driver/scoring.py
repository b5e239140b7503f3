"""The scores of an experiment's tasks: made on the devices, brought to the host once, and turned into metrics."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from jzsl.config import Experiment
from jzsl.devices.mesh import on_host, shapes, shared, whole
from jzsl.devices.program import Program
from jzsl.devices.replicas import replica
from jzsl.driver.programs import Programs
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import View
from jzsl.interfaces import Method, Task
from jzsl.metrics.calibration import column_offsets
from jzsl.metrics.top_k import top_columns
from jzsl.problem.problem import Problem

UNREFINED = "unrefined"


class Scoring:
    """Scores a trained state on the tasks of an experiment.

    Args:
        problem: whose test samples these are.
        view: its training view.
        experiment: with its tasks.
        programs: of the procedure that trains.
        unlabelled: the task whose test samples the procedure scores itself; nothing is compiled or uploaded for it.
        tunes_offset: whether the metrics include the best calibration offset, for validation classes.

    Attributes:
        tasks: the experiment's.
        candidates: the classes of each task's columns, by the task's name.
        offset: calibration offset on the scores of unseen classes.
        query_bytes: bytes of the test samples on each device.
    """

    def __init__(
        self,
        problem: Problem,
        view: View,
        experiment: Experiment,
        programs: Programs,
        unlabelled: Task | None,
        tunes_offset: bool,
    ):
        self.offset = 0.0
        self.tasks = tuple(programs.methods)
        self._view, self._procedure, self._mesh = view, programs.procedure, programs.mesh
        self._protocol, self._top = Protocol(problem, view), experiment.top
        self._tunes_offset = tunes_offset and experiment.calibration
        self._unlabelled = unlabelled
        self.candidates = {task.name: self._protocol.candidates(task) for task in self.tasks}
        self._asked = {task: method for task, method in programs.methods.items() if task != unlabelled}
        self._predictor = {task: Program(self._predicts(method)) for task, method in self._asked.items()}
        self._logits = {task: Program(method.logits) for task, method in self._asked.items()}
        self._samples = {} if self._top else {task: self._protocol.samples(task) for task in self._asked}
        self.query_bytes = sum(x.nbytes for x in self._samples.values())
        self._queries: dict[Task, Any] = {}

    def _predicts(self, method: Method) -> Callable[..., Any]:
        """The predictor of one replica of the states; slicing inside the program copies only what it needs."""
        procedure = self._procedure

        def of_one(states, number, pool, classes, unseen):
            state = replica(states, number)
            return method.predictor(procedure.model(state), procedure.pool(state, pool), classes, unseen)

        return of_one

    def compile(self, states: Any, pool: Any, classes: Any, unseen: Any) -> list[Program]:
        """Compiles what classification needs, from shapes; returns the programs whose memory counts."""
        for task, program in self._predictor.items():
            arguments = (states, 0, pool, classes, unseen)
            program.compile(*arguments)
            if task in self._samples:
                x, candidates = shapes((self._samples[task], self.candidates[task.name]), whole(self._mesh))
                self._logits[task].compile(program.shapes(*arguments), x, candidates)
        return list(self._predictor.values())

    def load(self) -> None:
        """Puts the test samples on the devices."""
        self._queries = {task: shared((x, self.candidates[task.name]), self._mesh) for task, x in self._samples.items()}
        self._samples = {}

    def of(self, states: Any, made: Any, pool: Any, classes: Any, unseen: Any) -> "Scores":
        """The scores of these states; `made` is the predictor that `Procedure.end` returned, or None."""
        return Scores(self, states, made, (pool, classes, unseen))

    def predictor(self, task: Task, states: Any, number: int, arguments: tuple[Any, Any, Any]) -> Any:
        """What classification of a task needs in one replica."""
        return self._predictor[task](states, number, *arguments)

    def scored(self, task: Task, predictor: Any) -> Shaped[np.ndarray, "n k"]:
        """Scores of a task's test samples without calibration; with top-k metrics the best columns, best first."""
        if not self._top:
            return on_host(self._logits[task](predictor, *self._queries[task]))
        columns = self.candidates[task.name]

        def logits(x):
            return self._logits[task](predictor, x, columns)

        return top_columns(logits, self._protocol.chunks(task), max(self._top))

    @property
    def queried_count(self) -> int:
        """How many of the unlabelled samples are test samples; others of the problem may follow them."""
        return 0 if self._unlabelled is None else len(self._protocol.queries(self._unlabelled).samples)

    @property
    def covered(self) -> Task | None:
        """The task that the procedure scores itself, if the experiment has it."""
        return self._unlabelled if self._unlabelled in self.tasks else None

    def metrics(self, scores: dict[str, np.ndarray]) -> dict[str, float]:
        """The protocol's metrics in percent, from the scores of a replica before calibration."""
        if self._top:
            return self._protocol.score_top(self.tasks[0], scores[self.tasks[0].name], self._top)
        metrics: dict[str, float] = {}
        if self._tunes_offset:
            task = next(task for task in self.tasks if task.seen and task.unseen)
            metrics |= self._protocol.best_offset(task, scores[task.name])
        final = self.calibrated(scores)
        for task in self.tasks:
            metrics |= self._protocol.score(task, final[task.name])
        if UNREFINED in scores and self.covered is not None:
            name = self.covered.headline
            metrics[f"{name}_{UNREFINED}"] = self._protocol.score(self.covered, scores[UNREFINED])[name]
        return metrics

    def calibrated(self, scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The scores with the calibration offset. Those of self-training's rounds have it already."""
        if self._top:
            return scores
        shifted = dict(scores)
        for task in self.tasks:
            if task.seen and task.unseen and task != self.covered:
                is_seen = self._view.classes.seen[self.candidates[task.name]]
                shifted[task.name] = scores[task.name] + column_offsets(self.offset, is_seen)
        return shifted

    def details(self, states: dict[str, np.ndarray], number: int) -> dict[str, float | list[float]]:
        """What the journal records of a finished round in one replica.

        The share of samples predicted as each candidate class, the class prior estimated from that and, after round 0,
        the percentage of the pseudo-labels trained on that are right.
        """
        if "label" not in states or self._unlabelled is None:
            return {}
        label, prior, y, w = (states[name][number] for name in ("label", "prior", "y", "w"))
        frequency = np.bincount(label, minlength=len(prior)) / len(label)
        recorded: dict[str, float | list[float]] = {
            "class_frequency": frequency.tolist(),
            "class_prior": prior.tolist(),
        }
        samples = slice(self._view.labelled, self._view.labelled + self.queried_count)
        right = self._protocol.pseudo_label_accuracy(self._unlabelled, y[samples], w[samples])
        return recorded if right is None else recorded | {"pseudo_label_accuracy": right}

    def truth(self, task: Task) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """Samples of the problem that the scores are of, and their classes."""
        return self._protocol.truth(task)


class Scores:
    """The scores of all replicas of some states. Arrays of all replicas are brought to the host once."""

    def __init__(self, scoring: Scoring, states: Any, made: Any, arguments: tuple[Any, Any, Any]):
        self._scoring, self._states, self._made, self._arguments = scoring, states, made, arguments
        procedure = scoring._procedure
        self._of_round: dict[str, np.ndarray] = {}
        self._details: dict[str, np.ndarray] = {}
        if procedure.scores is not None and procedure.details is not None:
            self._of_round = on_host(procedure.scores(states)) if scoring.covered is not None else {}
            self._details = on_host(procedure.details(states))

    def predictors(self, number: int = 0) -> dict[Task, Any]:
        """What classification needs in one replica, by task."""
        scoring = self._scoring
        return {
            task: replica(self._made, number)
            if task == scoring.covered
            else scoring.predictor(task, self._states, number, self._arguments)
            for task in scoring.tasks
        }

    def of(self, predictors: dict[Task, Any], number: int = 0) -> dict[str, Float[np.ndarray, "n k"]]:
        """By the tasks' names the scores of all test samples in one replica, before calibration; "unrefined" are those
        of a self-training round before refinement."""
        scoring = self._scoring
        scores = {
            task.name: scoring.scored(task, predictor)
            for task, predictor in predictors.items()
            if task != scoring.covered
        }
        if scoring.covered is not None:
            count = scoring.queried_count
            of_round = {name: values[number][:count] for name, values in self._of_round.items()}
            scores[scoring.covered.name] = of_round.pop("refined")
            scores |= of_round
        return scores

    def metrics(self, number: int = 0) -> dict[str, float]:
        """The protocol's metrics of one replica, in percent."""
        return self._scoring.metrics(self.of(self.predictors(number), number))

    def details(self, number: int = 0) -> dict[str, float | list[float]]:
        """What else the journal records of one replica."""
        return self._scoring.details(self._details, number)
