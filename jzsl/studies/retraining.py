"""Retraining a base on chosen rows with chosen labels, and measuring it class by class: true labels are used here."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jzsl.evaluation.views import transductive
from jzsl.interfaces import MethodConfig
from jzsl.keys import stream
from jzsl.metrics.accuracy import mean_per_class_accuracy, per_class_accuracy
from jzsl.problem.problem import Problem
from jzsl.self_training.priors.three_c import Clustering
from jzsl.self_training.sths import STHS
from jzsl.tasks.zsl import ZSL
from jzsl.types import Pool, Predictions


class Retrainer:
    """One base on one problem; every training runs the same compiled program.

    Attributes:
        view: the transductive view.
        truth: column of each unlabelled row's true class.
        classes: number of unseen classes.
    """

    def __init__(self, problem: Problem, base: MethodConfig, scaling: Scaling, epochs: int):
        self.view = transductive(problem, scaling)
        self.truth = np.searchsorted(self.view.unseen, problem.labels[ZSL().queries(problem)])
        self.classes = len(self.view.unseen)
        self.epochs = epochs
        self.names = tuple(problem.class_names[index] for index in self.view.unseen)
        method = base.build(ZSL())
        self.method = method
        rows = slice(self.view.labelled, self.view.labelled + self.view.unlabelled)

        def train(key: Any, pool: Pool, classes, candidates, label, multiplicity):
            unseen = candidates.unseen
            pool = pool._replace(
                y=jnp.asarray(pool.y).at[rows].set(unseen[label]), w=jnp.asarray(pool.w).at[rows].set(multiplicity)
            )
            state = method.init(stream(key, "model"), pool, classes)
            state, _ = method.fit(state, pool, classes, epochs, epochs)
            return method.logits(method.predictor(state, pool, classes, unseen), pool.x[rows], unseen)

        self._train = jax.jit(train)
        self._clusters: dict[Clustering, np.ndarray] = {}
        self._arrays = jax.device_put((self.view.pool, self.view.classes, self.view.candidates))

    def predict(
        self, seed: int, label: Int[np.ndarray, " m"] | None = None, multiplicity: Int[np.ndarray, " m"] | None = None
    ) -> Int[np.ndarray, " m"]:
        """Columns predicted for the unlabelled rows after training from scratch with some of them labelled.

        Args:
            seed: of initial weights and everything random in the method.
            label: column of each unlabelled row's label; None adds no rows.
            multiplicity: how often each counts.
        """
        nothing = np.zeros(self.view.unlabelled, np.int32)
        label = nothing if label is None else label
        multiplicity = nothing if multiplicity is None else multiplicity
        key = jax.random.key(seed)
        scores = self._train(key, *self._arrays, jnp.int32(label), jnp.int32(multiplicity))
        return np.asarray(scores).argmax(1)

    def self_train(self, sths: STHS, seeds: int) -> Iterator[list[tuple[Predictions, Float[Array, "k k"]]]]:
        """For each seed the predictions after every round, round 0 first, with the base's confusion matrix."""
        training = sths.build(self.method, self.view.labelled, self.view.unlabelled)
        nothing = np.zeros(self.view.unlabelled, np.int32)
        cluster = self.clusters(sths.clustering) if sths.needs_clusters else nothing
        step: Any = jax.jit(training.step)
        for seed in range(seeds):
            key, schedule = jax.random.key(seed), sths.schedule(self.classes)
            state, found = training.init(key, *self._arrays, jnp.int32(cluster), schedule), []
            for _ in range(sths.rounds + 1):
                state, _ = step(state, *self._arrays, self.epochs)
                found.append((state.predictions, state.confusion))
            yield found

    def clusters(self, clustering: Clustering) -> Int[np.ndarray, " m"]:
        """Of the unlabelled rows, as many as unseen classes; made once."""
        if clustering not in self._clusters:
            unlabelled = np.asarray(self.view.pool.x[self.view.labelled :])
            self._clusters[clustering] = clustering.value(unlabelled, self.classes, 0)
        return self._clusters[clustering]

    def accuracies(self, predicted: Int[np.ndarray, " m"]) -> Float[np.ndarray, " k"]:
        """Accuracy of each unseen class, in percent."""
        return 100 * per_class_accuracy(self.truth, predicted, np.arange(self.classes))

    def precisions(self, predicted: Int[np.ndarray, " m"]) -> Float[np.ndarray, " k"]:
        """Share of the rows predicted as each class that are of it, in percent; NaN where none is predicted."""
        count = np.bincount(predicted, minlength=self.classes)
        right = np.bincount(predicted[predicted == self.truth], minlength=self.classes)
        return 100 * np.where(count > 0, right / np.maximum(count, 1), np.nan)

    def t1(self, predicted: Int[np.ndarray, " m"]) -> float:
        """Average per-class accuracy, in percent."""
        return 100 * mean_per_class_accuracy(self.truth, predicted, np.arange(self.classes))

    def draw(self, columns: Int[np.ndarray, " h"], count: int, seed: int) -> Int[np.ndarray, " m"]:
        """Multiplicity 1 for `count` random rows whose true class is among `columns`."""
        rows = np.flatnonzero(np.isin(self.truth, columns))
        chosen = np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False)
        return np.isin(np.arange(self.view.unlabelled), chosen).astype(np.int32)

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"setting: {self.view.setting}; true labels of unseen rows are used to measure or to group",)
