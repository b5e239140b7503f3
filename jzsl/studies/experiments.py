"""Whole trainings of a study, by the trainers of `jzsl run`, on a problem that is loaded already."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jzsl.config import Experiment, Train
from jzsl.driver.round_trainer import RoundTrainer
from jzsl.driver.trainer import Programs, Trainer
from jzsl.interfaces import MethodConfig, Task
from jzsl.problem.problem import Problem
from jzsl.self_training.sths import STHS
from jzsl.studies.study import Setting


@dataclass(frozen=True)
class Loaded:
    """A source that has its problem."""

    problem: Problem

    def load(self) -> Problem:
        return self.problem


def experiment_of(
    setting: Setting, base: MethodConfig, tasks: tuple[Task, ...], sths: STHS | None = None, calibration: bool = False
) -> Experiment:
    """What `jzsl run` would be told."""
    train = Train(epochs=setting.epochs)
    return Experiment(
        Loaded(setting.problem),
        base,
        train,
        tasks,
        calibration,
        setting.transform,
        setting.seeds,
        parallel_seeds=1,
        self_training=sths,
    )


def calibration_factor(experiment: Experiment) -> float:
    """The median over seeds of the factors that are best on validation classes after inductive training."""
    problem = experiment.load().validation()
    trainer = Trainer(problem, experiment, Programs(experiment), len(problem.splits.train), choosing=True)
    return float(np.median([numbers["factor"] for numbers in _inductive(experiment, trainer)]))


def inductive_numbers(experiment: Experiment, factor: float = 0.0) -> list[dict[str, float]]:
    """For each seed the numbers after inductive training, with a bonus on unseen classes."""
    problem = experiment.load()
    trainer = Trainer(problem, experiment, Programs(experiment), len(problem.splits.train))
    trainer.factor = factor
    return list(_inductive(experiment, trainer))


def _inductive(experiment: Experiment, trainer: Trainer) -> Iterator[dict[str, float]]:
    epochs = experiment.train.epochs or 1
    for seed in range(experiment.seeds):
        state, _ = trainer.fit(trainer.init((seed,)), 0, epochs, epochs)
        yield trainer.score(state, trainer.predictors(state))


def self_trained(experiment: Experiment, factor: float = 0.0) -> Iterator[Iterator[tuple[Any, dict[str, float]]]]:
    """For each seed the state and the numbers after every round, round 0 first."""
    trainer = _round_trainer(experiment, factor)
    for seed in range(experiment.seeds):
        yield ((state, trainer.score(state, trainer.predictors(state))) for state in _rounds(experiment, trainer, seed))


def last_numbers(experiment: Experiment, factor: float = 0.0) -> list[dict[str, float]]:
    """For each seed the numbers after the last round."""
    trainer, found = _round_trainer(experiment, factor), []
    for seed in range(experiment.seeds):
        *_, state = _rounds(experiment, trainer, seed)
        found.append(trainer.score(state, trainer.predictors(state)))
    return found


def _round_trainer(experiment: Experiment, factor: float) -> RoundTrainer:
    assert experiment.self_training is not None
    trainer = RoundTrainer(experiment.load(), experiment, Programs(experiment), experiment.self_training)
    trainer.factor = factor
    return trainer


def _rounds(experiment: Experiment, trainer: RoundTrainer, seed: int) -> Iterator[Any]:
    epochs = experiment.train.epochs or 1
    state = trainer.init((seed,))
    for done in range(0, trainer.total(epochs), epochs):
        state, _ = trainer.fit(state, done, epochs, epochs)
        yield state
