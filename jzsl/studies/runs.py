"""How a study trains whole experiments, as `jzsl run` does: the only module of the studies that knows the driver."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from jzsl.config import Experiment, Stage, Train
from jzsl.driver.load import load_config
from jzsl.driver.plan import inductive_trainer, self_trainer, stage_trainers
from jzsl.evaluation.protocol import Protocol
from jzsl.interfaces import MethodConfig, Task
from jzsl.problem.problem import Problem
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import columns_of
from jzsl.studies.study import StudySetup
from jzsl.tasks.gzsl import GZSL


@dataclass(frozen=True)
class LoadedData:
    """A source whose problem is loaded already."""

    problem: Problem

    def load(self) -> Problem:
        return self.problem


class TrainedStages:
    """The stages before a method, trained as `jzsl run` trains them, once for each seed: variants of the method share
    their variables.

    Args:
        setup: the study's.
        method: one of those that take the variables over.
        tasks: that these are scored by.
        stages: to train, in their order; at least one.

    Attributes:
        name: of the last stage.
        trainer: that of the last stage.
    """

    def __init__(self, setup: StudySetup, method: MethodConfig, tasks: tuple[Task, ...], stages: tuple[Stage, ...]):
        experiment = Experiment(
            LoadedData(setup.problem),
            method,
            Train(epochs=setup.epochs),
            tasks,
            transform=setup.transform,
            seeds=setup.seeds,
            parallel_seeds=1,
            stages=stages,
        )
        self._trainers = stage_trainers(setup.problem, experiment)
        for stage, (earlier, later) in zip(stages, pairwise(self._trainers), strict=False):
            later.require_fitting(earlier, stage.name)
        self.name, self.trainer = stages[-1].name, self._trainers[-1]
        self._epochs = [stage.epochs for stage in stages]
        self._states: dict[int, Any] = {}

    def state(self, seed: int) -> Any:
        """The last stage's state at its end; a copy, which may be used up."""
        if seed not in self._states:
            state = None
            for trainer, epochs in zip(self._trainers, self._epochs, strict=True):
                state, _ = trainer.fit(trainer.init((seed,), state), 0, epochs, epochs)
            self._states[seed] = state
        return jax.tree.map(lambda leaf: leaf.copy(), self._states[seed])


class Runs:
    """An experiment, trained as `jzsl run` trains it, on the problem of a study.

    Args:
        setup: the study's.
        base: the method.
        tasks: what is scored; the test samples below are those of the first one.
        sths: rounds of self-training; None is inductive.
        offset: calibration offset on the scores of unseen classes.
        validation: whether validation classes are treated as the unseen ones; metrics then include the best offset.
        stages: whose variables the method takes over, as from an experiment's stages; None: it starts afresh.

    Attributes:
        method: what the base builds for the first task.
        x, candidates, samples, truth: of the first task, as in `Harness`.
    """

    def __init__(
        self,
        setup: StudySetup,
        base: MethodConfig,
        tasks: tuple[Task, ...],
        sths: STHS | None = None,
        offset: float = 0.0,
        validation: bool = False,
        stages: TrainedStages | None = None,
    ):
        problem = setup.problem.validation() if validation else setup.problem
        experiment = Experiment(
            LoadedData(problem),
            base,
            Train(epochs=setup.epochs),
            tasks,
            validation,
            setup.transform,
            setup.seeds,
            parallel_seeds=1,
            self_training=sths,
        )
        self._epochs, self._seeds, self._task = setup.epochs, setup.seeds, tasks[0]
        self._trainer = (
            inductive_trainer(problem, experiment, validation) if sths is None else self_trainer(problem, experiment)
        )
        self._trainer.offset = offset
        if stages is not None:
            self._trainer.require_fitting(stages.trainer, stages.name)
        self._stages = stages
        self.method = self._trainer.programs.methods[self._task]
        self._logits: Any = jax.jit(self.method.logits)
        scoring = self._trainer.scoring
        self.candidates = scoring.candidates[self._task.name]
        self.samples, labels = scoring.truth(self._task)
        self.x = Protocol(problem, self._trainer.view).samples(self._task)
        self.truth = columns_of(self.candidates, labels)

    def states(self, seed: int) -> Iterator[Any]:
        """The trainer's state after training, or after each round, round 0 first. The next one uses it up."""
        trainer, epochs = self._trainer, self._epochs
        state = trainer.init((seed,), None if self._stages is None else self._stages.state(seed))
        for done in range(0, trainer.total(epochs), epochs):
            state, _ = trainer.fit(state, done, epochs, epochs)
            yield state

    def metrics(self, state: Any) -> dict[str, float]:
        """The tasks' metrics in percent."""
        return self._trainer.scores(state).metrics()

    def accuracies(self, state: Any) -> Float[np.ndarray, " k"]:
        """Accuracy of each candidate class in the first task, in percent; NaN for one without test samples."""
        scores = self._trainer.scores(state)
        predicted = scores.of(scores.predictors())[self._task.name].argmax(1)
        count = np.bincount(self.truth, minlength=len(self.candidates))
        right = np.bincount(self.truth[predicted == self.truth], minlength=len(self.candidates))
        return 100 * np.where(count > 0, right / np.maximum(count, 1), np.nan)

    def last_metrics(self) -> list[dict[str, float]]:
        """For each seed the metrics at the end."""
        values = []
        for seed in range(self._seeds):
            *_, state = self.states(seed)
            values.append(self.metrics(state))
        return values

    def predictor(self, state: Any) -> Any:
        """The predictor of the first task."""
        return self._trainer.scores(state).predictors()[self._task]

    def scored(self, state: Any) -> tuple[Any, Float[Array, "n k"]]:
        """The predictor of the first task, and the scores of its test samples before calibration."""
        predictor = self.predictor(state)
        return predictor, self._logits(predictor, self.x, self.candidates)

    def pseudo_labels(self, state: Any) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """Of each unlabelled sample the class that it was trained with, and how often it counted (0: not selected)."""
        part = self._trainer.view.unlabelled_samples
        return np.asarray(state.y)[0, part], np.asarray(state.w)[0, part]


def method_of_config(path: Path) -> MethodConfig:
    """The method of a config file."""
    return load_config(path).method


def calibration_offset(setup: StudySetup, base: MethodConfig) -> float:
    """The median over seeds of the offsets with the best H on validation classes after inductive training."""
    runs = Runs(setup, base, (GZSL(),), validation=True)
    return float(np.median([metrics["offset"] for metrics in runs.last_metrics()]))
