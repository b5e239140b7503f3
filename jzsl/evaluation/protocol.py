"""The protocol object: it alone holds the test labels, hands out the test samples without them, and scores."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int, Shaped

from jzsl.evaluation.views import Queries, View, queries_of
from jzsl.interfaces import Task
from jzsl.metrics.calibration import best_offset
from jzsl.metrics.curve import SeenUnseenCurve, seen_unseen_curve
from jzsl.metrics.scores import require_scores
from jzsl.metrics.top_k import hit_rates
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import CHUNK


class Protocol:
    """Scores predictions on the test samples of a problem.

    Args:
        problem: where the test samples and their labels come from.
        view: the training view: with the samples of each task in their order, and their transform.
    """

    def __init__(self, problem: Problem, view: View):
        self._problem, self._view = problem, view
        self._truth = {name: problem.labels[queries.samples] for name, queries in view.queries.items()}

    def queries(self, task: Task) -> Queries:
        """The test samples of a task, as indices of the problem's, and its candidate classes.

        Raises:
            InputError: if the problem has no such samples.
        """
        if task.name not in self._view.queries:
            return queries_of(self._problem, task)
        return self._view.queries[task.name]

    def candidates(self, task: Task) -> Int[np.ndarray, " k"]:
        """The classes that the test samples of a task may belong to; raises as `queries` does."""
        return self.queries(task).candidates

    def samples(self, task: Task) -> Shaped[np.ndarray, "n *s"]:
        """The test samples of a task, transformed as the view's are; raises as `queries` does."""
        return self._transformed(self.queries(task).samples)

    def chunks(self, task: Task) -> Iterator[Shaped[np.ndarray, "_ *s"]]:
        """The same in chunks of some thousand samples: they may be memory-mapped and larger than memory."""
        samples = self.queries(task).samples
        for start in range(0, len(samples), CHUNK):
            yield self._transformed(samples[start : start + CHUNK])

    def _transformed(self, samples: Int[np.ndarray, " n"]) -> Shaped[np.ndarray, "n *s"]:
        observed = self._problem.observed
        return self._view.transform(self._problem.samples[samples], None if observed is None else observed[samples])

    def score(self, task: Task, scores: Float[np.ndarray, "n k"]) -> dict[str, float]:
        """The metrics of a task in percent, from scores whose order follows `queries`.

        Raises:
            InputError: if a score is NaN.
        """
        candidates = self.candidates(task)
        require_scores(scores, self.queries(task).samples)
        return task.score(scores, self._truth[task.name], candidates, np.isin(candidates, self._view.seen))

    def score_top(self, task: Task, top: Int[np.ndarray, "n k"], counts: tuple[int, ...]) -> dict[str, float]:
        """T1, then for each k the mean over classes (T5 for 5) and the share of all samples (hit@5), in percent.

        Args:
            task: one whose candidates are the unseen classes.
            top: the best candidate columns of each test sample, best first.
            counts: the k.
        """
        y, candidates = self._truth[task.name], self.candidates(task)
        metrics = {}
        for count in dict.fromkeys((1, *counts)):
            classwise, flat = hit_rates(y, candidates[top], candidates, count)
            metrics |= {f"T{count}": 100 * classwise, f"hit@{count}": 100 * flat}
        return metrics

    def pseudo_label_accuracy(
        self, task: Task, label: Int[np.ndarray, " n"], multiplicity: Int[np.ndarray, " n"]
    ) -> float | None:
        """Share in percent of the selected pseudo-labelled samples whose label is right; None where none was selected.

        Args:
            task: whose test samples the unlabelled ones are.
            label: pseudo-label of each.
            multiplicity: how often it was selected.
        """
        right = multiplicity @ (label == self._truth[task.name])
        return 100 * float(right / multiplicity.sum()) if multiplicity.any() else None

    def truth(self, task: Task) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """A task's samples, as indices of the problem's, and their classes: for records of finished runs."""
        return self.queries(task).samples, self._truth[task.name]

    def curve(self, task: Task, scores: Float[np.ndarray, "n k"]) -> SeenUnseenCurve:
        """U and S under every calibration offset, from the scores of a task with seen and unseen candidates."""
        candidates = self.candidates(task)
        is_seen = np.isin(candidates, self._view.seen)
        return seen_unseen_curve(scores, self._truth[task.name], candidates, is_seen)

    def best_offset(self, task: Task, scores: Float[np.ndarray, "n k"]) -> dict[str, float]:
        """The calibration offset of the largest H, and that H in percent; for validation classes only."""
        offset, h = best_offset(self.curve(task, scores))
        return {"offset": offset, "H_calibrated": 100 * h}
