"""The protocol object: it alone holds the test labels, hands out the test rows without them, and scores."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from jzsl.errors import InputError
from jzsl.evaluation.accuracy import harmonic_mean, mean_per_class_accuracy
from jzsl.evaluation.curve import seen_unseen_curve
from jzsl.evaluation.top_k import hit_rates
from jzsl.problem import Problem
from jzsl.scaling import CHUNK_ROWS
from jzsl.types import Task
from jzsl.views import View, all_queries, unseen_queries

NUMBERS = {Task.zsl: ("T1",), Task.gzsl: ("U", "S", "H", "AUSUC")}
"""The numbers of each task, in percent."""


class Queries(NamedTuple):
    """Test rows without labels (scaled as the view's rows are), and the classes they may belong to."""

    x: Float[Array | np.ndarray, "n d"]
    candidates: Int[Array | np.ndarray, " k"]


class Protocol:
    """Scores predictions on the test rows of a problem.

    Args:
        problem: where the test rows and their labels come from.
        view: the training view, for its scaler.
    """

    def __init__(self, problem: Problem, view: View):
        self._seen, self._unseen = problem.seen_classes, problem.unseen_classes
        self._rows = {Task.zsl: unseen_queries(problem), Task.gzsl: all_queries(problem)}
        self._truth = {task: problem.labels[rows] for task, rows in self._rows.items()}
        self._problem, self._scaler = problem, view.scaler

    def candidates(self, task: Task) -> Int[np.ndarray, " k"]:
        """The classes that the test rows of a task may belong to."""
        found = self._unseen if task is Task.zsl else np.concatenate([self._seen, self._unseen])
        return found.astype(np.int32)

    def chunks(self, task: Task) -> Iterator[Float[np.ndarray, "_ d"]]:
        """The rows of `queries`, some thousand at a time: they may be memory-mapped and more than memory holds."""
        problem, rows = self._problem, self._rows[task]
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows[start : start + CHUNK_ROWS]
            visible = None if problem.visible is None else problem.visible[chunk]
            yield self._scaler(problem.features[chunk], visible)

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
        """The test rows of a task.

        Raises:
            InputError: if the task is generalized and the problem has no test rows of seen classes.
        """
        problem, rows = self._problem, self._rows[task]
        if task is Task.gzsl and not len(problem.splits.test_seen):
            raise InputError(
                f"{problem.provenance.origin}: splits.test_seen: no rows, so the generalized task (gzsl) has no score"
            )
        visible = None if problem.visible is None else problem.visible[rows]
        return Queries(self._scaler(problem.features[rows], visible), self.candidates(task))

    def score(self, task: Task, scores: Float[np.ndarray, "n k"]) -> dict[str, float]:
        """The numbers of a task in percent, from scores whose rows and columns follow `queries`."""
        y = self._truth[task]
        if task is Task.zsl:
            predicted = self._unseen[scores.argmax(1)]
            return {"T1": 100 * mean_per_class_accuracy(y, predicted, self._unseen)}
        candidates = np.concatenate([self._seen, self._unseen])
        predicted = candidates[scores.argmax(1)]
        tested = np.intersect1d(self._seen, y)
        seen = mean_per_class_accuracy(y, predicted, tested)
        unseen = mean_per_class_accuracy(y, predicted, self._unseen)
        curve = seen_unseen_curve(scores, y, candidates, np.isin(candidates, self._seen))
        return {
            "U": 100 * unseen,
            "S": 100 * seen,
            "H": 100 * harmonic_mean(seen, unseen),
            "AUSUC": 100 * curve.area,
        }
