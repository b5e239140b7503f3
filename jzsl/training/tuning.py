"""The choice of T, K and epochs without test labels: self-training on validation classes treated as unseen."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import spearmanr

from jzsl.config import Experiment
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.problem import Problem
from jzsl.training.self_training import STHS, SelfTraining
from jzsl.types import Task
from jzsl.views import transductive

CRITERIA = ("information", "frequency_entropy", "stability")
"""Label-free criteria, recorded beside: users have no labels to choose by. Of each, more should be better."""


@dataclass(frozen=True)
class Grid:
    """The settings to try."""

    rounds: tuple[int, ...] = (4,)
    """T"""
    hard: tuple[float, ...] = (0.5, 0.7, 0.9)
    """K, as a share of the unseen classes"""
    epochs: tuple[int, ...] = (3, 5, 10)
    """epochs a round"""

    def __post_init__(self):
        for name in ("rounds", "hard", "epochs"):
            values = getattr(self, name)
            if not values or not all(value > 0 for value in values):
                raise InputError(f"grid.{name}: {values} found, expected positive numbers")
        if max(self.hard) > 1:
            raise InputError(f"grid.hard: {max(self.hard)} found, expected shares of the unseen classes, at most 1")


class Candidate(NamedTuple):
    """One setting of the grid and what it did, a list over seeds each."""

    epochs: int
    rounds: int
    hard: float
    t1: list[float]
    information: list[float]
    frequency_entropy: list[float]
    stability: list[float]


def tune(
    experiment: Experiment, problem: Problem, grid: Grid, tell: Callable[[str], None], batched: bool | None = None
) -> list[Candidate]:
    """Every setting of the grid on the validation classes, the best mean T1 first.

    Replicas (settings and seeds of equal epochs) run as one program under `vmap` on an accelerator, where that is
    fastest, and in turn through one compiled program on a CPU.

    Args:
        experiment: with its self-training; T, K and epochs come from the grid.
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
    part = problem.validation()
    view = transductive(part, experiment.scaling)
    protocol = Protocol(part, view)
    training = sths.build(experiment.method.build(Task.zsl), view.labelled, view.unlabelled)
    cluster = np.zeros(view.unlabelled, np.int32)
    if sths.needs_clusters:
        tell("clustering")
        cluster = sths.clustering.value(np.asarray(view.pool.x[view.labelled :]), len(view.unseen), 0)
    arrays = jax.device_put((view.pool, view.classes, view.unseen))
    run = _together if batched or (batched is None and jax.default_backend() != "cpu") else _in_turn

    settings = list(itertools.product(grid.rounds, grid.hard))
    schedules = [STHS(rounds=rounds, hard=hard).schedule(len(view.unseen)) for rounds, hard in settings]
    candidates = []
    for epochs in grid.epochs:
        found = {setting: Candidate(epochs, *setting, [], [], [], []) for setting in settings}
        replicas = list(itertools.product(range(len(settings)), range(experiment.seeds)))
        starts = [
            training.init(jax.random.key(seed), *arrays, jnp.int32(cluster), schedules[index])
            for index, seed in replicas
        ]
        tell(f"{epochs} epochs a round: {len(replicas)} replicas")
        for place, (state, metrics) in run(training, starts, arrays, epochs):
            candidate = found[settings[replicas[place][0]]]
            numbers = protocol.score(Task.zsl, np.asarray(state.predictions.scores))
            candidate.t1.append(numbers["T1"])
            candidate.information.append(float(mutual_information(state.predictions.scores)))
            candidate.frequency_entropy.append(float(metrics["frequency_entropy"]))
            candidate.stability.append(1 - float(metrics["changed"]))
        candidates += found.values()
    return sorted(candidates, key=lambda candidate: -np.mean(candidate.t1))


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
