"""One problem under one experiment: its view on the device, and the compiled functions that train and score."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from jzsl.config import Experiment
from jzsl.evaluation.calibration import calibrated
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.top_k import top_columns
from jzsl.problem import Problem
from jzsl.training.mesh import REPLICA, ROWS_MULTIPLE, by_rows, device_mesh, keys_of, layout, on_host, shared
from jzsl.training.replicas import replica, replicate
from jzsl.types import Method, Metrics, Task
from jzsl.views import View, inductive


class Programs:
    """The jitted functions of an experiment, compiled once per shape and shared by all seeds and phases.

    `init` and `fit` work on all replicas of a group of seeds, `predictor` on one of them.
    """

    def __init__(self, experiment: Experiment):
        methods = {task: experiment.method.build(task) for task in experiment.tasks}
        self.method: Method = methods[experiment.tasks[0]]  # tasks differ in their classifiers only
        self.mesh = device_mesh(experiment.replicas, experiment.devices_per_seed)
        share = self.mesh.shape[REPLICA]
        self.lanes = -(-experiment.replicas // share) * share
        self.init = jax.jit(replicate(self.method.init, self.mesh, (True, False, False)))
        self.fit = jax.jit(replicate(self.method.fit, self.mesh, (True, False, False, False)), donate_argnums=0)
        self.predictor = {task: jax.jit(_of_one(method.predictor)) for task, method in methods.items()}
        self.logits = {task: jax.jit(method.logits) for task, method in methods.items()}


def _of_one(predictor: Callable[..., Any]) -> Callable[..., Any]:
    """The predictor of one replica; slicing inside the program copies only what it needs."""

    def of_one(states, number, pool, classes, unseen):
        return predictor(replica(states, number), pool, classes, unseen)

    return of_one


class Trainer:
    """Trains a method on one problem's labelled rows, and scores it.

    Args:
        problem: what to train on.
        experiment: how.
        programs: the experiment's compiled functions.
        capacity: rows of the pool; a larger one than needed lets several problems share a compilation.
        choosing: whether the scores choose settings: then they are told with the best factor of calibrated stacking.

    Attributes:
        factor: bonus on the scores of unseen classes in the generalized task.
    """

    def __init__(
        self, problem: Problem, experiment: Experiment, programs: Programs, capacity: int, choosing: bool = False
    ):
        view = inductive(problem, experiment.scaling, capacity, ROWS_MULTIPLE)
        self._set_up(problem, view, experiment, programs)
        self._choosing = choosing and experiment.calibration

    def _set_up(self, problem: Problem, view: View, experiment: Experiment, programs: Programs) -> None:
        self.view = view
        self.factor, self._choosing = 0.0, False
        self._programs = programs
        self._protocol = Protocol(problem, view)
        self._pool = by_rows(view.pool, programs.mesh)
        self._classes, self._unseen = shared((view.classes, view.unseen), programs.mesh)
        self._top = experiment.top
        self.candidates = {task: self._protocol.candidates(task) for task in experiment.tasks}
        self._queries = {}
        if not self._top:
            self._queries = {task: shared(self._protocol.queries(task), programs.mesh) for task in experiment.tasks}

    def init(self, seeds: Sequence[int]) -> Any:
        """The states before training, each a function of its seed alone.

        There are always as many replicas as the experiment trains together, a multiple of the devices: one program
        serves a last, smaller group too. Those that only fill up repeat the last seed, and nobody asks for them.
        """
        return self._programs.init(self._keys(seeds), self._pool, self._classes)

    def _keys(self, seeds: Sequence[int]) -> Any:
        return keys_of([*seeds, *[seeds[-1]] * (self._programs.lanes - len(seeds))], self._programs.mesh)

    @property
    def lanes(self) -> int:
        """Replicas in a state, those that only fill up included."""
        return self._programs.lanes

    def template(self, seeds: Sequence[int], lanes: int) -> Any:
        """Shapes and places of the states of so many replicas, of which a checkpoint may have others than we."""
        states = jax.eval_shape(lambda: self.init(seeds))
        states = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((lanes, *leaf.shape[1:]), leaf.dtype), states)
        places = layout(states, self._programs.mesh, len(self._pool.x))
        return jax.tree.map(lambda leaf, place: leaf.update(sharding=place), states, places)

    def adopt(self, states: Any) -> Any:
        """The states of a checkpoint with as many replicas as we have; seeds keep their numbers."""
        stored = len(jax.tree.leaves(states)[0])
        if stored == self.lanes:
            return states
        index = np.minimum(np.arange(self.lanes), stored - 1)

        def chosen(states):
            states = jax.tree.map(lambda leaf: leaf[index], states)
            places = layout(states, self._programs.mesh, len(self._pool.x))
            return jax.lax.with_sharding_constraint(states, places)

        return jax.jit(chosen)(states)

    def total(self, epochs: int) -> int:
        """Epochs of a whole training."""
        return epochs

    def next_chunk(self, done: int, epochs: int, chunk: int) -> int:
        """Epochs to train next, at most `chunk`, when `done` are."""
        return min(chunk, epochs - done)

    def fit(self, state: Any, done: int, chunk: int, epochs: int) -> tuple[Any, Metrics]:
        """Trains `chunk` epochs further; `state` is used up. Metrics have an entry a replica."""
        del done, epochs
        return self._programs.fit(state, self._pool, self._classes, chunk)

    def place(self, done: int, epochs: int) -> dict[str, int] | None:
        """Where training stands, if there is something to report."""
        del epochs
        return {"epoch": done}

    def model(self, state: Any, number: int = 0) -> Any:
        """The method's own state in one replica."""
        return replica(state, number)

    def predictors(self, state: Any, number: int = 0) -> dict[Task, Any]:
        """What classification needs in one replica, for each task."""
        return {
            task: make(state, number, self._pool, self._classes, self._unseen)
            for task, make in self._programs.predictor.items()
        }

    def score(self, state: Any, predictors: dict[Task, Any], number: int = 0) -> dict[str, float]:
        """The protocol's numbers of one replica, in percent."""
        del state, number
        numbers = {}
        for task, predictor in predictors.items():
            if self._top:
                numbers |= self._score_in_chunks(predictor)
                continue
            scores = on_host(self.scores(task, predictor)[0])
            if task is Task.gzsl and self._choosing:
                numbers |= self._protocol.best_factor(scores)
            scores = calibrated(scores, self.factor, self.view.classes.seen[self.candidates[task]])
            numbers |= self._protocol.score(task, np.asarray(scores))
        return numbers

    def scores(self, task: Task, predictor: Any) -> tuple[Float[Array, "n k"], Float[Array, "n d"]]:
        """Scores of a task's test rows, without calibration, and the rows."""
        queries = self._queries[task]
        return self._programs.logits[task](predictor, queries.x, queries.candidates), queries.x

    def _score_in_chunks(self, predictor: Any) -> dict[str, float]:
        """Top-k accuracies of the rows of unseen classes, never all scores at once."""

        def logits(x):
            return self._programs.logits[Task.zsl](predictor, x, self.candidates[Task.zsl])

        best = top_columns(logits, self._protocol.chunks(Task.zsl), max(self._top))
        return self._protocol.score_top(best, self._top)
