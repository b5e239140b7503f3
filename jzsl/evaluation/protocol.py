"""The protocol object: it alone holds the test labels, hands out the test rows without them, and scores."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from jzsl.errors import InputError
from jzsl.evaluation.accuracy import harmonic_mean, mean_per_class_accuracy
from jzsl.evaluation.calibration import best_factor
from jzsl.evaluation.curve import SeenUnseenCurve, seen_unseen_curve
from jzsl.evaluation.group_detection import stage_errors
from jzsl.evaluation.top_k import hit_rates
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import CHUNK_ROWS
from jzsl.problem.views import View, all_queries, target_queries, unseen_queries
from jzsl.types import Task

NUMBERS = {
    Task.zsl: ("T1",),
    Task.gzsl: ("U", "S", "H", "AUSUC", "AUROC", "FPR95", "H_group_known", "H_seen_known", "H_unseen_known"),
    Task.adaptation: ("A",),
}
"""The numbers of each task, in percent; those after AUSUC are explained in `jzsl.evaluation.group_detection`."""


class Queries(NamedTuple):
    """Test rows without labels (scaled as the view's rows are), and the classes they may belong to."""

    x: Float[Array | np.ndarray, "n d"]
    candidates: Int[Array | np.ndarray, " k"]


class Protocol:
    """Scores predictions on the test rows of a problem.

    Args:
        problem: where the test rows and their labels come from.
        view: the training view, for its transform.
    """

    def __init__(self, problem: Problem, view: View):
        self._seen, self._unseen = problem.seen_classes, problem.unseen_classes
        self._rows = {
            Task.zsl: unseen_queries(problem),
            Task.gzsl: all_queries(problem),
            Task.adaptation: target_queries(problem),
        }
        self._truth = {task: problem.labels[rows] for task, rows in self._rows.items()}
        self._problem, self._transform = problem, view.transform

    def candidates(self, task: Task) -> Int[np.ndarray, " k"]:
        """The classes that the test rows of a task may belong to.

        Raises:
            InputError: if the problem has no test rows of the kind that the task asks about.
        """
        splits, origin = self._problem.splits, self._problem.provenance.origin
        if task is not Task.adaptation and not len(splits.test_unseen):
            raise InputError(f"{origin}: splits.test_unseen: no rows, so the task {task.name} has no score")
        if task is not Task.zsl and not len(splits.test_seen):
            raise InputError(f"{origin}: splits.test_seen: no rows, so the task {task.name} has no score")
        groups = {
            Task.zsl: self._unseen,
            Task.gzsl: np.concatenate([self._seen, self._unseen]),
            Task.adaptation: self._seen,
        }
        return groups[task].astype(np.int32)

    def chunks(self, task: Task) -> Iterator[Float[np.ndarray, "_ d"]]:
        """The rows of `queries`, some thousand at a time: they may be memory-mapped and more than memory holds."""
        problem, rows = self._problem, self._rows[task]
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows[start : start + CHUNK_ROWS]
            observed = None if problem.observed is None else problem.observed[chunk]
            yield self._transform(problem.samples[chunk], observed)

    def score_top(self, top: Int[np.ndarray, "n k"], counts: tuple[int, ...]) -> dict[str, float]:
        """T1, then for each k the mean over classes (T5 for 5) and the share of all rows (hit@5), in percent.

        Args:
            top: the best candidate columns of each test row of unseen classes, best first.
            counts: the k.
        """
        y, predicted = self._truth[Task.zsl], self._unseen[top]
        numbers = {}
        for count in dict.fromkeys((1, *counts)):
            classwise, flat = hit_rates(y, predicted, self._unseen, count)
            numbers |= {f"T{count}": 100 * classwise, f"hit@{count}": 100 * flat}
        return numbers

    def queries(self, task: Task) -> Queries:
        """The test rows of a task; raises as `candidates` does."""
        problem, rows, candidates = self._problem, self._rows[task], self.candidates(task)
        observed = None if problem.observed is None else problem.observed[rows]
        return Queries(self._transform(problem.samples[rows], observed), candidates)

    def score(self, task: Task, scores: Float[np.ndarray, "n k"]) -> dict[str, float]:
        """The numbers of a task in percent, from scores whose rows and columns follow `queries`."""
        y = self._truth[task]
        if task is not Task.gzsl:
            candidates = self.candidates(task)
            accuracy = mean_per_class_accuracy(y, candidates[scores.argmax(1)], np.unique(y))
            return {NUMBERS[task][0]: 100 * accuracy}
        candidates = self.candidates(task)
        is_seen = np.isin(candidates, self._seen)
        predicted = candidates[scores.argmax(1)]
        seen = mean_per_class_accuracy(y, predicted, np.intersect1d(self._seen, y))
        unseen = mean_per_class_accuracy(y, predicted, self._unseen)
        found = {
            "U": unseen,
            "S": seen,
            "H": harmonic_mean(seen, unseen),
            "AUSUC": self.curve(scores).area,
            **stage_errors(scores, y, candidates, is_seen),
        }
        return {name: 100 * value for name, value in found.items()}

    def pseudo_label_accuracy(
        self, task: Task, label: Int[np.ndarray, " n"], multiplicity: Int[np.ndarray, " n"]
    ) -> float | None:
        """Share in percent of the pseudo-labelled rows taken that have their true class; None where none was taken.

        Args:
            task: whose test rows the unlabelled ones are.
            label: the class that each is taken for.
            multiplicity: how often it was taken.
        """
        right = multiplicity @ (label == self._truth[task])
        return 100 * float(right / multiplicity.sum()) if multiplicity.any() else None

    def truth(self, task: Task) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """Rows of the problem that a task asks about, and their classes: for the record, once a run has ended."""
        return self._rows[task], self._truth[task]

    def curve(self, scores: Float[np.ndarray, "n k"]) -> SeenUnseenCurve:
        """U and S under every factor of calibrated stacking, from scores of the generalized task."""
        candidates = self.candidates(Task.gzsl)
        return seen_unseen_curve(scores, self._truth[Task.gzsl], candidates, np.isin(candidates, self._seen))

    def best_factor(self, scores: Float[np.ndarray, "n k"]) -> dict[str, float]:
        """The factor with the largest H, and that H in percent; for choices on validation classes only."""
        factor, h = best_factor(self.curve(scores))
        return {"factor": factor, "H_calibrated": 100 * h}
