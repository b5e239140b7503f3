"""The choice of T, K and epochs without test labels: self-training with validation classes treated as unseen."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import spearmanr

from jzsl.config import Experiment
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import transductive
from jzsl.packages import PartsIn
from jzsl.problem.problem import Problem
from jzsl.self_training.parts import PreparePrior, RefinerConfig, SelectorConfig, name_of
from jzsl.self_training.selection.hard_classes import hard_class_fraction, with_hard_classes
from jzsl.self_training.state import SelfTraining, SelfTrainingState
from jzsl.self_training.sths import STHS
from jzsl.tasks.zsl import ZSL
from jzsl.types import Candidates, ClassTable, Metrics, Pool

CRITERIA = ("information", "frequency_entropy", "stability")
"""Label-free criteria, recorded beside T1, for choices without validation labels. Larger should be better in each."""


@dataclass(frozen=True)
class Grid:
    """The settings to try: all combinations. What the grid does not name stays as the experiment has it."""

    rounds: tuple[int, ...] = ()
    """T; 0 is the base alone, refined; none at all tries that of the experiment"""
    hard_class_fraction: tuple[float, ...] = (0.5, 0.7, 0.9)
    """K, as a share of the unseen classes; a selection without hard classes is tried once"""
    epochs: tuple[int, ...] = (3, 5, 10)
    """epochs per round; a closed form takes one"""
    selections: Annotated[tuple[SelectorConfig, ...], PartsIn("jzsl.self_training.selection")] = ()
    """selections; none tries that of the experiment"""
    refinements: Annotated[tuple[RefinerConfig | None, ...], PartsIn("jzsl.self_training.refinement")] = ()
    """refinements, None for unrefined predictions; none at all tries that of the experiment"""
    folds: int = 1
    """1: the source's validation classes are treated as unseen. More: the seen classes are divided into so many
    groups, each of which is treated as unseen in turn"""

    def __post_init__(self):
        for name in ("rounds", "hard_class_fraction", "epochs"):
            values = getattr(self, name)
            if (not values and name != "rounds") or not all(
                value > 0 or (name == "rounds" and value == 0) for value in values
            ):
                raise InputError(f"grid.{name}: {values} found, expected positive numbers")
        if max(self.hard_class_fraction) > 1:
            raise InputError(
                f"grid.hard_class_fraction: {max(self.hard_class_fraction)} found, expected shares of the unseen "
                "classes, at most 1"
            )
        if self.folds < 1:
            raise InputError(f"grid.folds: {self.folds} found, expected 1 or more")

    def settings(self, sths: STHS) -> list[list[STHS]]:
        """Every setting of self-training; those of one list differ in T and K alone and share a program."""
        families = itertools.product(self.selections or (sths.selection,), self.refinements or (sths.refinement,))
        return [
            [
                replace(sths, rounds=rounds, selection=with_hard_classes(selection, share), refinement=refinement)
                for rounds in self.rounds or (sths.rounds,)
                for share in (self.hard_class_fraction if hard_class_fraction(selection) is not None else (None,))
            ]
            for selection, refinement in families
        ]


class GridPoint(NamedTuple):
    """One setting of the grid."""

    epochs: int
    self_training: STHS

    def applied(self, experiment: Experiment) -> Experiment:
        """The experiment with this setting."""
        return replace(
            experiment,
            train=replace(experiment.train, epochs=self.epochs, steps=None),
            self_training=self.self_training,
        )


class Trial(NamedTuple):
    """A setting and its metrics: for each seed the mean over folds."""

    setting: GridPoint
    t1: list[float]
    information: list[float]
    frequency_entropy: list[float]
    stability: list[float]


def tune(
    experiment: Experiment, problem: Problem, grid: Grid, progress: Callable[[str], None], batched: bool | None = None
) -> list[Trial]:
    """Every setting of the grid on classes treated as unseen, the best mean T1 first.

    Replicas (T, K and seeds of one selection and refinement) run as one program under `vmap` on an accelerator, where
    that is fastest, and in turn through one compiled program on a CPU.

    Args:
        experiment: with its self-training, of which everything stays that the grid does not name.
        problem: the whole problem; its test samples take no part.
        grid: what to try.
        progress: called with one line about each step.
        batched: overrides the choice by platform.

    Raises:
        InputError: if the experiment does not self-train, or the problem has no validation classes.
    """
    sths = experiment.self_training
    if sths is None:
        raise InputError("self_training: None found; tune chooses the settings of self-training")
    if ZSL() not in experiment.tasks:
        names = ", ".join(task.name for task in experiment.tasks)
        raise InputError(
            f"tasks: {names} found; tune chooses by T1, on classes treated as unseen in a pool of their own"
        )
    train = _together if batched or (batched is None and jax.default_backend() != "cpu") else _in_turn
    outcomes: list[tuple[GridPoint, list[list[_Outcome]]]] = []
    epochs = (1,) if experiment.method.build(ZSL()).closed_form else grid.epochs
    for number, part in enumerate(problem.validation_folds(grid.folds), 1):
        where = f"fold {number} of {grid.folds}: "
        of_fold = _on_fold(
            experiment, grid.settings(sths), part, epochs, train, lambda text, at=where: progress(at + text)
        )
        for position, (setting, of_seeds) in enumerate(of_fold):
            if number == 1:
                outcomes.append((setting, []))
            outcomes[position][1].append(of_seeds)
    trials = [Trial(setting, *np.mean(of_folds, 0).T.tolist()) for setting, of_folds in outcomes]
    return sorted(trials, key=lambda trial: -np.mean(trial.t1))


class _Outcome(NamedTuple):
    """The metrics of one replica on one fold, in the order of Trial's fields."""

    t1: float
    information: float
    frequency_entropy: float
    stability: float


def _on_fold(
    experiment: Experiment,
    families: list[list[STHS]],
    part: Problem,
    epochs_per_round: tuple[int, ...],
    train: Callable[..., Any],
    progress: Callable[[str], None],
) -> Iterator[tuple[GridPoint, list[_Outcome]]]:
    """Every setting on one problem, and the outcome of each of its seeds."""
    view = transductive(part, experiment.transform)
    protocol = Protocol(part, view)
    arrays: tuple[Pool, ClassTable, Candidates] = jax.device_put((view.pool, view.classes, view.candidates))
    unlabelled = np.asarray(view.pool.x[view.labelled : view.labelled + view.unlabelled])
    done: dict[PreparePrior, Any] = {}
    for family in families:
        for sths in family:
            sths.require_samples(view.unlabelled)
        first = family[0]
        training = first.build(experiment.method.build(ZSL()), view.labelled, view.unlabelled)
        names = f"{name_of(first.selection)}, {name_of(first.refinement)}"
        progress(f"{names}: preparing")
        prepared = first.prepare(unlabelled, len(view.unseen), done)
        replicas = list(itertools.product(range(len(family)), range(experiment.seeds)))
        starts = [
            training.init(jax.random.key(seed), *arrays, prepared, family[number].parameters(len(view.unseen)))
            for number, seed in replicas
        ]
        for epochs in epochs_per_round:
            progress(f"{names}, {epochs} epochs per round: {len(replicas)} replicas")
            outcomes: list[list[_Outcome]] = [[] for _ in family]
            for position, (state, metrics) in train(training, starts, arrays, epochs):
                outcomes[replicas[position][0]].append(_outcome(protocol, state, metrics))
            for sths, of_seeds in zip(family, outcomes, strict=True):
                yield GridPoint(epochs, sths), of_seeds


def _outcome(protocol: Protocol, state: SelfTrainingState, metrics: Metrics) -> _Outcome:
    count = len(protocol.queries(ZSL()).samples)  # other unlabelled samples of the problem follow
    return _Outcome(
        protocol.score(ZSL(), np.asarray(state.predictions.scores[:count]))["T1"],
        float(mutual_information(state.predictions.scores)),
        float(metrics["frequency_entropy"]),
        1 - float(metrics["changed"]),
    )


def mutual_information(scores: Float[Array, "m k"]) -> Float[Array, ""]:
    """Between sample and predicted class, in nats: the entropy of the mean posterior less the mean entropy."""
    log_share = jax.nn.log_softmax(scores)
    share = jnp.exp(log_share)
    mean = share.mean(0)
    marginal = -jnp.sum(jnp.where(mean > 0, mean * jnp.log(jnp.where(mean > 0, mean, 1.0)), 0.0))
    return marginal + jnp.mean(jnp.sum(jnp.where(share > 0, share * log_share, 0.0), 1))


def rank_correlations(trials: list[Trial]) -> dict[str, float | None]:
    """Spearman's correlation of each criterion with T1 over the trials' means; None where one is constant."""
    t1 = [np.mean(trial.t1) for trial in trials]
    correlations: dict[str, float | None] = {}
    for name in CRITERIA:
        values = [np.mean(getattr(trial, name)) for trial in trials]
        constant = len(trials) < 3 or np.ptp(values) == 0 or np.ptp(t1) == 0
        statistic: Any = None if constant else spearmanr(values, t1)
        correlations[name] = None if constant else float(statistic.statistic)
    return correlations


def _in_turn(training: SelfTraining, starts: list[Any], arrays: Any, epochs: int) -> Iterator[tuple[int, Any]]:
    step = jax.jit(training.step)
    for position, state in enumerate(starts):
        metrics = {}
        for _ in range(int(state.parameters.rounds) + 1):
            state, metrics = step(state, *arrays, epochs)
        yield position, (state, metrics)


def _together(training: SelfTraining, starts: list[Any], arrays: Any, epochs: int) -> Iterator[tuple[int, Any]]:
    step: Any = jax.jit(jax.vmap(training.step, in_axes=(0, None, None, None, None)))
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    rounds = np.array([int(state.parameters.rounds) for state in starts])
    for t in range(rounds.max() + 1):
        states, metrics = step(states, *arrays, epochs)
        for position in np.flatnonzero(rounds == t):
            yield int(position), jax.tree.map(lambda leaf, position=position: leaf[position], (states, metrics))
