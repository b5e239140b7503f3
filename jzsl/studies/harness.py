"""How a study trains a base method: in one call, epoch by epoch, with labels on chosen samples, or in rounds.

The only module of the studies that knows views and the protocol (`runs` is the only one that knows the driver). It has
the true labels of test samples: studies measure with them, and some select samples by them.
"""

import copy
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive, queries_of, require_unlabelled, transductive
from jzsl.interfaces import MethodConfig, Task
from jzsl.keys import stream
from jzsl.metrics.accuracy import mean_per_class_accuracy, per_class_accuracy
from jzsl.metrics.curve import SeenUnseenCurve
from jzsl.problem.problem import Problem
from jzsl.self_training.parts import PreparePrior
from jzsl.self_training.state import Prepared, SelfTraining
from jzsl.self_training.sths import STHS
from jzsl.studies.study import StudySetup
from jzsl.tasks.zsl import ZSL
from jzsl.types import Candidates, ClassTable, Pool, Predictions, State


class Epoch(NamedTuple):
    """Epochs done, the method's state after them, and the seconds of the last one without compilation."""

    epoch: int
    state: State
    seconds: float


class Training:
    """A base method, trained on any pool; pools of one shape share a compiled program.

    Attributes:
        method: what the base builds for the task.
    """

    def __init__(self, base: MethodConfig, task: Task):
        self.method = base.build(task)
        self._init: Any = jax.jit(self.method.init)
        self._fit: Any = jax.jit(self.method.fit)

    def untrained(self, key: Any, pool: Pool, classes: ClassTable) -> State:
        """The state before training."""
        return self._init(key, pool, classes)

    def trained(self, key: Any, pool: Pool, classes: ClassTable, epochs: int) -> State:
        """The state after all epochs, in one call."""
        return self._fit(self._init(key, pool, classes), pool, classes, epochs, epochs)[0]

    def by_epoch(self, key: Any, pool: Pool, classes: ClassTable, epochs: int) -> Iterator[Epoch]:
        """The state after each epoch."""
        state = self._init(key, pool, classes)
        jax.block_until_ready(self._fit(state, pool, classes, 0, epochs)[0])  # compiles outside the clock
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            state, _ = jax.block_until_ready(self._fit(state, pool, classes, 1, epochs))
            yield Epoch(epoch, state, time.perf_counter() - start)


class Harness:
    """A base method on the problem of a study; `pool` and `classes` of the same shapes may replace the problem's.

    Args:
        setup: the study's.
        base: the method.
        task: what is scored.
        unlabelled: whether the pool also holds the test samples of the unseen classes, without labels.
        problem: another one than the setup's.

    Raises:
        InputError: if the problem has unlabelled samples besides those of `unlabelled`, or none and the method needs
            some.

    Attributes:
        method: what the base builds for the task.
        pool, classes: on the device; labelled samples first, then unlabelled ones.
        seen, unseen, candidates: the classes, and those that the task's test samples may belong to.
        samples: index of each test sample in the problem, in the order of scores.
        truth: column of each one's true class among the candidates.
        x: the test samples, transformed.
        setting: its name, for notes.
    """

    def __init__(
        self,
        setup: StudySetup,
        base: MethodConfig,
        task: Task = ZSL(),
        unlabelled: bool = False,
        problem: Problem | None = None,
    ):
        self._setup, self._base, self._task, self._unlabelled = setup, base, task, unlabelled
        self._training = Training(base, task)
        self._classifiers: dict[MethodConfig, tuple[Any, Any]] = {}
        self._steps: dict[tuple[STHS, int, int], tuple[SelfTraining, Any]] = {}
        self._measure(setup.problem if problem is None else problem)

    def on(self, problem: Problem) -> "Harness":
        """The same method, its compiled programs included, on another problem."""
        other = copy.copy(self)
        other._measure(problem)
        return other

    def _measure(self, problem: Problem) -> None:
        """Takes a problem's samples and labels."""
        setup, task, unlabelled = self._setup, self._task, self._unlabelled
        if unlabelled and len(problem.splits.unlabelled):
            raise InputError("splits.unlabelled: samples found, but in this study only test samples are unlabelled")
        self._view = (transductive if unlabelled else inductive)(problem, setup.transform)
        require_unlabelled(self._view, self._training.method, problem.provenance.origin)
        self._protocol = Protocol(problem, self._view)
        self._prepared: dict[PreparePrior, Any] = {}
        self.method, self.x = self._training.method, self._protocol.samples(task)
        self.candidates = self._protocol.candidates(task)
        self.pool, self.classes = jax.device_put((self._view.pool, self._view.classes))
        self.seen, self.unseen, self.setting = self._view.seen, self._view.unseen, self._view.setting.value
        self.samples, labels = self._protocol.truth(task)
        self.truth = columns_of(self.candidates, labels)
        self.names = tuple(problem.class_names[index] for index in self.candidates)

    def scaled(self, samples: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Samples, transformed as the pool's are."""
        return self._view.transform(samples, None)

    def _key(self, seed: int) -> Any:
        """With unlabelled samples the key of round 0 of self-training, so that both start from the same base."""
        key = jax.random.key(seed)
        return stream(key, "model") if self._unlabelled else key

    def trained(
        self, seed: int, pool: Pool | None = None, classes: ClassTable | None = None, epochs: int | None = None
    ) -> State:
        """The state after so many epochs, by default the setup's."""
        epochs = self._setup.epochs if epochs is None else epochs
        return self._training.trained(self._key(seed), pool or self.pool, classes or self.classes, epochs)

    def untrained(self, seed: int) -> State:
        """The state before training."""
        return self._training.untrained(self._key(seed), self.pool, self.classes)

    def by_epoch(self, seed: int) -> Iterator[Epoch]:
        """The state after each of the setup's epochs."""
        return self._training.by_epoch(self._key(seed), self.pool, self.classes, self._setup.epochs)

    def scores(
        self,
        state: State,
        base: MethodConfig | None = None,
        pool: Pool | None = None,
        classes: ClassTable | None = None,
        x: Shaped[np.ndarray, "n *s"] | None = None,
        candidates: Int[np.ndarray, " k"] | None = None,
    ) -> Float[np.ndarray, "n k"]:
        """Scores of the test samples, or of `x`, by the classifier of `base`: not necessarily the base
        that trained the state."""
        base, x = base or self._base, self.x if x is None else x
        candidates = self.candidates if candidates is None else candidates
        if base not in self._classifiers:
            method = base.build(self._task)
            self._classifiers[base] = (jax.jit(method.predictor), jax.jit(method.logits))
        predictor, logits = self._classifiers[base]
        prepared = predictor(state, pool or self.pool, classes or self.classes, self.unseen)
        return np.asarray(logits(prepared, x, candidates))

    def metrics(self, state: State, base: MethodConfig | None = None, pool: Pool | None = None) -> dict[str, float]:
        """The task's metrics in percent, from `scores`."""
        return self.metrics_of(self.scores(state, base, pool))

    def metrics_of(self, scores: Float[np.ndarray, "n k"]) -> dict[str, float]:
        """The task's metrics in percent."""
        return self._protocol.score(self._task, scores)

    def metrics_on(self, problem: Problem, state: State, pool: Pool, classes: ClassTable) -> dict[str, float]:
        """The task's metrics in percent on the test samples of a part of the problem, transformed as the pool's."""
        queries = queries_of(problem, self._task)
        view = self._view._replace(queries={self._task.name: queries}, seen=problem.seen_classes)
        protocol = Protocol(problem, view)
        scores = self.scores(state, None, pool, classes, protocol.samples(self._task), queries.candidates)
        return protocol.score(self._task, scores)

    def curve(self, scores: Float[np.ndarray, "n k"]) -> SeenUnseenCurve:
        """The seen-unseen curve, in the generalized task."""
        return self._protocol.curve(self._task, scores)

    def predict(
        self,
        seed: int,
        column: Int[np.ndarray, " m"] | None = None,
        multiplicity: Int[np.ndarray, " m"] | None = None,
    ) -> Int[np.ndarray, " m"]:
        """Columns predicted for the unlabelled samples after training with labels on some of them.

        Args:
            seed: of initial weights and everything random in the method.
            column: of each one's label; None adds no samples.
            multiplicity: how often each counts in an epoch.
        """
        part, zeros = self._view.unlabelled_samples, np.zeros(self._view.unlabelled, np.int32)
        column, multiplicity = zeros if column is None else column, zeros if multiplicity is None else multiplicity
        pool = self.pool._replace(
            y=jnp.asarray(self.pool.y).at[part].set(self.unseen[column]),
            w=jnp.asarray(self.pool.w).at[part].set(jnp.int32(multiplicity)),
        )
        return self.scores(self.trained(seed, pool), pool=pool).argmax(1)

    def self_train(self, sths: STHS) -> Iterator[list[tuple[Predictions, Float[Array, "k k"] | None]]]:
        """For each seed the predictions after every round, round 0 first, with the base's confusion matrix where a
        class prior needs it."""
        for seed in range(self._setup.seeds):
            yield self.self_train_once(sths, seed)

    def self_train_once(self, sths: STHS, seed: int) -> list[tuple[Predictions, Float[Array, "k k"] | None]]:
        """`self_train` with one seed."""
        key = sths, self._view.labelled, self._view.unlabelled
        if key not in self._steps:
            training = sths.build(self.method, *key[1:])
            self._steps[key] = training, jax.jit(training.step)
        training, step = self._steps[key]
        prepared, parameters = self.prepared(sths), sths.parameters(len(self.candidates))
        candidates: Candidates = jax.device_put(self._view.candidates)
        start = training.init(jax.random.key(seed), self.pool, self.classes, candidates, prepared, parameters)
        state, rounds = start, []
        for _ in range(sths.rounds + 1):
            state, _ = step(state, self.pool, self.classes, candidates, self._setup.epochs)
            rounds.append((state.predictions, state.confusion))
        return rounds

    def prepared(self, sths: STHS) -> Prepared:
        """What its class priors prepare of the unlabelled samples; each clustering is computed once."""
        unlabelled = np.asarray(self._view.pool.x[self._view.unlabelled_samples])
        return sths.prepare(unlabelled, len(self.candidates), self._prepared)

    def accuracies(self, predicted: Int[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
        """Accuracy of each candidate class, in percent."""
        return 100 * per_class_accuracy(self.truth, predicted, np.arange(len(self.candidates)))

    def precisions(self, predicted: Int[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
        """Share of the samples predicted as each class that belong to it, in percent; NaN where none is predicted."""
        count = np.bincount(predicted, minlength=len(self.candidates))
        right = np.bincount(predicted[predicted == self.truth], minlength=len(self.candidates))
        return 100 * np.where(count > 0, right / np.maximum(count, 1), np.nan)

    def t1(self, predicted: Int[np.ndarray, " n"]) -> float:
        """Average per-class accuracy, in percent."""
        return 100 * mean_per_class_accuracy(self.truth, predicted, np.arange(len(self.candidates)))

    def draw(self, columns: Int[np.ndarray, " h"], count: int, seed: int) -> Int[np.ndarray, " n"]:
        """Multiplicity 1 for `count` random test samples whose true class is among `columns`, 0 for the others."""
        members = np.flatnonzero(np.isin(self.truth, columns))
        drawn = np.random.default_rng(seed).choice(members, min(count, len(members)), replace=False)
        return np.isin(np.arange(len(self.truth)), drawn).astype(np.int32)

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"setting: {self.setting}; true labels of unseen samples are used to measure or to group",)


def columns_of(candidates: Int[np.ndarray, " k"], labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The position of each label among the candidates."""
    order = np.argsort(candidates)
    return order[np.searchsorted(candidates, labels, sorter=order)].astype(np.int32)
