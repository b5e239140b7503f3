"""The trainer of self-training runs: the same interface, training cut at the borders of rounds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jzsl.config import Experiment
from jzsl.devices.mesh import ROWS_MULTIPLE, on_host, shapes, shared, whole
from jzsl.devices.program import Program
from jzsl.devices.replicas import replica, replicate
from jzsl.driver.trainer import Programs, Trainer
from jzsl.problem.problem import Problem
from jzsl.problem.views import domain_adaptation, strict_transductive, transductive
from jzsl.self_training.sths import STHS
from jzsl.types import Method, Metrics, Task


class RoundTrainer(Trainer):
    """Self-trains a method on labelled rows and on unlabelled ones.

    Args:
        problem: what to train on.
        experiment: how.
        programs: the experiment's compiled functions.
        sths: the self-training of the experiment.
    """

    def __init__(self, problem: Problem, experiment: Experiment, programs: Programs, sths: STHS):
        self._task, make_view = _SETTINGS[experiment.tasks == (Task.adaptation,), sths.strict]
        view = make_view(problem, experiment.scaling, multiple=ROWS_MULTIPLE)
        self._sths, self._refined = sths, sths.refinement is not None
        self._training = training = sths.build(experiment.method.build(self._task), view.labelled, view.unlabelled)
        mesh, first = programs.mesh, (True, False, False, False)
        self._start = Program(replicate(training.init, mesh, (*first, False, False)))
        self._begin = Program(replicate(training.begin, mesh, first), uses_up=True)
        self._fit = Program(replicate(training.fit, mesh, first), uses_up=True)
        self._end = Program(replicate(training.end, mesh, first), uses_up=True)
        self._columns = shapes(view.candidates, whole(mesh))
        unlabelled = np.asarray(view.pool.x[view.labelled : view.labelled + view.unlabelled])
        self._prepared = sths.prepare(unlabelled, len(view.candidates.classes))
        self._set_up(problem, view, experiment, programs)
        self._columns = shared(view.candidates, mesh)

    def init(self, seeds: Sequence[int]) -> Any:
        return self._start(*self._start_arguments(seeds))

    def _init_shapes(self, seeds: Sequence[int]) -> Any:
        return self._start.shapes(*self._start_arguments(seeds))

    def _start_arguments(self, seeds: Sequence[int]) -> tuple[Any, ...]:
        prepared = shared(self._prepared, self._programs.mesh)
        parameters = self._sths.parameters(int(self.view.candidates.open.sum()), self.factor)
        return self._keys(seeds), self._pool, self._classes, self._columns, prepared, parameters

    def _compile(self, states: Any) -> list[Program]:
        self._begin.compile(states, self._pool, self._classes, self._columns)
        self._fit.compile(states, self._pool, self._classes, 1)
        self._end.compile(states, self._pool, self._classes, self._columns)
        for program in self._predictor.values():
            program.compile(*self._predictor_arguments(states))
        return [self._begin, self._fit, self._end, *self._predictor.values()]

    def total(self, epochs: int) -> int:
        return epochs * (self._sths.rounds + 1)

    def next_chunk(self, done: int, epochs: int, chunk: int) -> int:
        return min(chunk, epochs - done % epochs)

    def fit(self, state: Any, done: int, chunk: int, epochs: int) -> tuple[Any, Metrics]:
        if done % epochs == 0:
            state = self._begin(state, self._pool, self._classes, self._columns)
        state, metrics = self._fit(state, self._pool, self._classes, chunk)
        if (done + chunk) % epochs == 0:
            state, more = self._end(state, self._pool, self._classes, self._columns)
            metrics = metrics | more
        return state, metrics

    def place(self, done: int, epochs: int) -> dict[str, int] | None:
        return {"round": done // epochs - 1} if done % epochs == 0 else None

    def model(self, state: Any, number: int = 0) -> Any:
        return replica(state.model, number)

    def _predicts(self, method: Method) -> Callable[..., Any]:
        def of_one(states, number, pool, classes, unseen):
            state = replica(states, number)
            return method.predictor(state.model, self._training.pool_of(state, pool), classes, unseen)

        return of_one

    def test_scores(self, state: Any, predictors: dict[Task, Any], number: int = 0) -> dict[str, np.ndarray]:
        """Of the task that the rounds are about they are those of the unlabelled rows, which `end` has found; where
        predictions were refined, `unrefined` has the method's."""
        others = {task: predictor for task, predictor in predictors.items() if task is not self._task}
        scores = super().test_scores(state, others, number)
        if self._task in predictors:
            scores[self._task.name] = on_host(state.predictions.scores)[number]
            if self._refined:
                scores["unrefined"] = on_host(state.unrefined)[number]
        return scores

    def decisive(self, scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As elsewhere; those of the unlabelled rows have their bonus from the rounds."""
        mine = {self._task.name, "unrefined"}
        others = super().decisive({name: found for name, found in scores.items() if name not in mine})
        return others | {name: found for name, found in scores.items() if name in mine}

    def numbers(self, scores: dict[str, np.ndarray]) -> dict[str, float]:
        """As elsewhere; T1_unrefined and the like are of the scores before refinement."""
        numbers = super().numbers({name: found for name, found in scores.items() if name != "unrefined"})
        if "unrefined" in scores:
            name = self._task.headline
            numbers[f"{name}_unrefined"] = self._protocol.score(self._task, scores["unrefined"])[name]
        return numbers

    def details(self, state: Any, number: int = 0) -> dict[str, float | list[float]]:
        """Of a finished round: the share of rows predicted as each candidate class, the prior estimated from that,
        and, after round 0, how many in a hundred of the pseudo-labels trained on are right."""
        label, prior, y, w = (
            on_host(part)[number] for part in (state.predictions.label, state.prior, state.y, state.w)
        )
        frequency = np.bincount(label, minlength=len(prior)) / len(label)
        found: dict[str, float | list[float]] = {
            "class_frequency": frequency.tolist(),
            "class_prior": prior.tolist(),
        }
        rows = slice(self.view.labelled, self.view.labelled + self.view.unlabelled)
        right = self._protocol.pseudo_label_accuracy(self._task, y[rows], w[rows])
        return found if right is None else found | {"pseudo_label_accuracy": right}


_SETTINGS = {
    (False, False): (Task.zsl, transductive),
    (False, True): (Task.gzsl, strict_transductive),
    (True, False): (Task.adaptation, domain_adaptation),
}
"""Classes shared by both domains, strict -> the task that the rounds are about, and their view."""
