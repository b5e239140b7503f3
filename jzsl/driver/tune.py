"""The choice of T, K and epochs without test labels: self-training on validation classes treated as unseen."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import spearmanr

from jzsl.config import Experiment
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import transductive
from jzsl.problem.problem import Problem
from jzsl.self_training.refinement.choice import Refinement
from jzsl.self_training.rounds import SelfTraining, SelfTrainingState
from jzsl.self_training.selection.choice import Selection
from jzsl.self_training.sths import STHS
from jzsl.tasks.zsl import ZSL
from jzsl.types import Metrics

CRITERIA = ("information", "frequency_entropy", "stability")
"""Label-free criteria, recorded beside: users have no labels to choose by. Of each, more should be better."""


@dataclass(frozen=True)
class Grid:
    """The settings to try: all combinations. A selection without hard classes is tried once, not for every K."""

    rounds: tuple[int, ...] = (4,)
    """T; 0 is the base alone, refined"""
    hard: tuple[float, ...] = (0.5, 0.7, 0.9)
    """K, as a share of the unseen classes"""
    epochs: tuple[int, ...] = (3, 5, 10)
    """epochs a round"""
    selection: tuple[Selection, ...] = ()
    """selections; none tries the experiment's own"""
    refinement: tuple[Refinement, ...] = ()
    """refinements; none tries the experiment's own"""
    folds: int = 1
    """1: the source's validation classes play the unseen ones. More: the seen classes are dealt into so many groups,
    and each plays them in turn"""

    def __post_init__(self):
        for name in ("rounds", "hard", "epochs"):
            values = getattr(self, name)
            if not values or not all(value > 0 or (name == "rounds" and value == 0) for value in values):
                raise InputError(f"grid.{name}: {values} found, expected positive numbers")
        if max(self.hard) > 1:
            raise InputError(f"grid.hard: {max(self.hard)} found, expected shares of the unseen classes, at most 1")
        if self.folds < 1:
            raise InputError(f"grid.folds: {self.folds} found, expected 1 or more")


class Candidate(NamedTuple):
    """One setting of the grid and what it did: of each number a list over seeds, the mean over folds."""

    epochs: int
    rounds: int
    hard: float
    selection: Selection
    refinement: Refinement
    t1: list[float]
    information: list[float]
    frequency_entropy: list[float]
    stability: list[float]


def tune(
    experiment: Experiment, problem: Problem, grid: Grid, tell: Callable[[str], None], batched: bool | None = None
) -> list[Candidate]:
    """Every setting of the grid on classes treated as unseen, the best mean T1 first.

    Replicas (T, K and seeds of equal epochs and selection) run as one program under `vmap` on an accelerator, where
    that is fastest, and in turn through one compiled program on a CPU.

    Args:
        experiment: with its self-training; the settings come from the grid.
        problem: the whole problem; its test rows take no part.
        grid: what to try.
        tell: is told what is going on.
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
    run = _together if batched or (batched is None and jax.default_backend() != "cpu") else _in_turn
    found: dict[_Setting, list[list[_Outcome]]] = {}
    for number, part in enumerate(problem.validation_folds(grid.folds), 1):
        where = f"fold {number} of {grid.folds}: "
        for setting, of_seeds in _on_fold(experiment, sths, part, grid, run, lambda text, at=where: tell(at + text)):
            found.setdefault(setting, []).append(of_seeds)
    candidates = [Candidate(*setting, *np.mean(numbers, 0).T.tolist()) for setting, numbers in found.items()]
    return sorted(candidates, key=lambda candidate: -np.mean(candidate.t1))


class _Setting(NamedTuple):
    """The first fields of a Candidate."""

    epochs: int
    rounds: int
    hard: float
    selection: Selection
    refinement: Refinement


class _Outcome(NamedTuple):
    """What one replica did on one fold, in the order of Candidate's fields."""

    t1: float
    information: float
    frequency_entropy: float
    stability: float


def _on_fold(
    experiment: Experiment, sths: STHS, part: Problem, grid: Grid, run: Callable[..., Any], tell: Callable[[str], None]
) -> Iterator[tuple[_Setting, list[_Outcome]]]:
    """Every setting on one problem, and what became of each of its seeds."""
    view = transductive(part, experiment.transform)
    protocol = Protocol(part, view)
    arrays = jax.device_put((view.pool, view.classes, view.candidates))
    cluster = None
    for selection, refinement in itertools.product(
        grid.selection or (sths.selection,), grid.refinement or (sths.refinement,)
    ):
        chosen = replace(sths, selection=selection, refinement=refinement)
        training = chosen.build(experiment.method.build(ZSL()), view.labelled, view.unlabelled)
        if chosen.needs_clusters and cluster is None:
            tell("clustering")
            cluster = chosen.clustering.value(np.asarray(view.pool.x[view.labelled :]), len(view.unseen), 0)
        clusters = jnp.zeros(view.unlabelled, jnp.int32) if cluster is None else jnp.int32(cluster)
        settings = list(itertools.product(grid.rounds, grid.hard if selection.uses_hard else grid.hard[:1]))
        replicas = list(itertools.product(settings, range(experiment.seeds)))
        starts = [
            training.init(
                jax.random.key(seed), *arrays, clusters, STHS(rounds=rounds, hard=hard).schedule(len(view.unseen))
            )
            for (rounds, hard), seed in replicas
        ]
        for epochs in grid.epochs:
            tell(f"{selection.name}, {refinement.name}, {epochs} epochs a round: {len(replicas)} replicas")
            outcomes: dict[tuple[int, float], list[_Outcome]] = {setting: [] for setting in settings}
            for place, (state, metrics) in run(training, starts, arrays, epochs):
                outcomes[replicas[place][0]].append(_outcome(protocol, state, metrics))
            for setting, of_seeds in outcomes.items():
                yield _Setting(epochs, *setting, selection, refinement), of_seeds


def _outcome(protocol: Protocol, state: SelfTrainingState, metrics: Metrics) -> _Outcome:
    return _Outcome(
        protocol.score(ZSL(), np.asarray(state.predictions.scores))["T1"],
        float(mutual_information(state.predictions.scores)),
        float(metrics["frequency_entropy"]),
        1 - float(metrics["changed"]),
    )


def mutual_information(scores: Float[Array, "m k"]) -> Float[Array, ""]:
    """Between row and predicted class, in nats: the entropy of the mean posterior less the mean entropy."""
    log_share = jax.nn.log_softmax(scores)
    share = jnp.exp(log_share)
    mean = share.mean(0)
    marginal = -jnp.sum(jnp.where(mean > 0, mean * jnp.log(jnp.where(mean > 0, mean, 1.0)), 0.0))
    return marginal + jnp.mean(jnp.sum(jnp.where(share > 0, share * log_share, 0.0), 1))


def rank_correlations(candidates: list[Candidate]) -> dict[str, float | None]:
    """Spearman's correlation of each criterion with T1 over the candidates' means; None where one is constant."""
    t1 = [np.mean(candidate.t1) for candidate in candidates]
    found: dict[str, float | None] = {}
    for name in CRITERIA:
        values = [np.mean(getattr(candidate, name)) for candidate in candidates]
        constant = len(candidates) < 3 or np.ptp(values) == 0 or np.ptp(t1) == 0
        statistic: Any = None if constant else spearmanr(values, t1)
        found[name] = None if constant else float(statistic.statistic)
    return found


def _in_turn(training: SelfTraining, starts: list[Any], arrays: Any, epochs: int) -> Iterator[tuple[int, Any]]:
    step = jax.jit(training.step)
    for place, state in enumerate(starts):
        metrics = {}
        for _ in range(int(state.schedule.rounds) + 1):
            state, metrics = step(state, *arrays, epochs)
        yield place, (state, metrics)


def _together(training: SelfTraining, starts: list[Any], arrays: Any, epochs: int) -> Iterator[tuple[int, Any]]:
    step: Any = jax.jit(jax.vmap(training.step, in_axes=(0, None, None, None, None)))
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    rounds = np.array([int(state.schedule.rounds) for state in starts])
    for t in range(rounds.max() + 1):
        states, metrics = step(states, *arrays, epochs)
        for place in np.flatnonzero(rounds == t):
            yield int(place), jax.tree.map(lambda leaf, place=place: leaf[place], (states, metrics))
