"""One problem under one experiment: its view on the device, and the compiled functions that train and score."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from jzsl.config import Experiment
from jzsl.devices.memory import require_fit
from jzsl.devices.mesh import (
    REPLICA,
    ROWS_MULTIPLE,
    by_rows,
    cut,
    device_mesh,
    keys_of,
    layout,
    on_host,
    shapes,
    shared,
    whole,
)
from jzsl.devices.program import Program
from jzsl.devices.replicas import replica, replicate
from jzsl.evaluation.calibration import calibrated
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.top_k import top_columns
from jzsl.interfaces import Method, Task
from jzsl.problem.problem import Problem
from jzsl.problem.views import View, inductive
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import Metrics


class Programs:
    """What the phases and seeds of an experiment share: the method, the devices, and its compiled `init` and `fit`,
    which work on all replicas of a group of seeds."""

    def __init__(self, experiment: Experiment):
        self.methods = {task: experiment.method.build(task) for task in experiment.tasks}
        method = self.methods[experiment.tasks[0]]  # tasks differ in their classifiers only
        self.whole_pool = any(method.whole_pool for method in self.methods.values())
        self.mesh = device_mesh(experiment.replicas, experiment.devices_per_seed)
        share = self.mesh.shape[REPLICA]
        self.lanes = -(-experiment.replicas // share) * share
        self.init = Program(replicate(method.init, self.mesh, (True, False, False)))
        self.fit = Program(replicate(method.fit, self.mesh, (True, False, False, False, False)), uses_up=True)


def placed(states: Any, mesh: Mesh, rows: int) -> Any:
    """Shapes of states, with the places that `layout` gives them."""
    return jax.tree.map(lambda leaf, place: leaf.update(sharding=place), states, layout(states, mesh, rows))


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
        bytes: memory that each device will need at most, by the compiler's count.

    Raises:
        InputError: if that is more than there is, before anything is computed.
    """

    def __init__(
        self, problem: Problem, experiment: Experiment, programs: Programs, capacity: int, choosing: bool = False
    ):
        self._set_up(problem, inductive(problem, experiment.scaling, capacity, ROWS_MULTIPLE), experiment, programs)
        self._choosing = choosing and experiment.calibration

    def _set_up(self, problem: Problem, view: View, experiment: Experiment, programs: Programs) -> None:
        """Compiles everything from shapes, sees whether it fits, and only then puts the data on the devices."""
        self.view = view
        self.factor, self._choosing = 0.0, False
        self._programs, mesh = programs, programs.mesh
        self._protocol = Protocol(problem, view)
        self._top = experiment.top
        self.candidates = {task: self._protocol.candidates(task) for task in experiment.tasks}
        self._named = {task.name: task for task in experiment.tasks}
        self._predictor = {task: Program(self._predicts(method)) for task, method in programs.methods.items()}
        self._logits = {task: Program(method.logits) for task, method in programs.methods.items()}
        queries = {} if self._top else {task: self._protocol.queries(task) for task in experiment.tasks}
        self._pool = shapes(view.pool, cut(mesh))
        self._classes, self._unseen = shapes((view.classes, view.unseen), whole(mesh))
        self._queries = {task: shapes(rows, whole(mesh)) for task, rows in queries.items()}
        self.bytes = self._peak()
        require_fit(self.bytes, experiment.memory_gb, self._suggestions(experiment))
        self._pool = by_rows(view.pool, mesh)
        self._classes, self._unseen = shared((view.classes, view.unseen), mesh)
        self._queries = {task: shared(rows, mesh) for task, rows in queries.items()}

    def _predicts(self, method: Method) -> Callable[..., Any]:
        """The predictor of one replica of the states; slicing inside the program copies only what it needs."""

        def of_one(states, number, pool, classes, unseen):
            return method.predictor(replica(states, number), pool, classes, unseen)

        return of_one

    def _peak(self) -> int:
        """Compiles the programs from shapes; bytes of the hungriest, and of the test rows beside it."""
        states = placed(self._init_shapes((0,)), self._programs.mesh, len(self._pool.x))
        programs = self._compile(states)
        for task, queries in self._queries.items():
            predictor = self._predictor[task].shapes(*self._predictor_arguments(states))
            self._logits[task].compile(predictor, queries.x, queries.candidates)
        return max(program.bytes for program in programs) + sum(
            leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(list(self._queries.values()))
        )

    def _compile(self, states: Any) -> list[Program]:
        """The programs that training and classification spend their memory on."""
        self._programs.fit.compile(states, self._pool, self._classes, 1, 1)
        for program in self._predictor.values():
            program.compile(*self._predictor_arguments(states))
        return [self._programs.fit, *self._predictor.values()]

    def _suggestions(self, experiment: Experiment) -> list[str]:
        """What makes a run smaller."""
        found = []
        if self.lanes > self._programs.mesh.shape[REPLICA]:
            found.append(f"--parallel-seeds {max(1, experiment.replicas // 2)}")
        if self._pool.x.dtype == np.float32:
            found.append("features in half precision")
        if jax.device_count() > experiment.devices_per_seed:
            found.append(f"--devices-per-seed {2 * experiment.devices_per_seed}")
        if not (experiment.self_training or self._programs.whole_pool):
            found.append(f"--samples-per-block {max(1, len(self._pool.x) // 4)}")
        return [*found, "a smaller hidden layer or batch, or a Subset of the data"]

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
        states = self._init_shapes(seeds)
        states = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((lanes, *leaf.shape[1:]), leaf.dtype), states)
        return placed(states, self._programs.mesh, len(self._pool.x))

    def _init_shapes(self, seeds: Sequence[int]) -> Any:
        return self._programs.init.shapes(self._keys(seeds), self._pool, self._classes)

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
        del done
        return self._programs.fit(state, self._pool, self._classes, chunk, epochs)

    def place(self, done: int, epochs: int) -> dict[str, int] | None:
        """Where training stands, if there is something to report."""
        del epochs
        return {"epoch": done}

    def model(self, state: Any, number: int = 0) -> Any:
        """The method's own state in one replica."""
        return replica(state, number)

    def predictors(self, state: Any, number: int = 0) -> dict[Task, Any]:
        """What classification needs in one replica, for each task."""
        arguments = self._predictor_arguments(state, number)
        return {task: make(*arguments) for task, make in self._predictor.items()}

    def _predictor_arguments(self, state: Any, number: int = 0) -> tuple[Any, ...]:
        """Of the predictor's programs; shapes give shapes."""
        return state, number, self._pool, self._classes, self._unseen

    def score(self, state: Any, predictors: dict[Task, Any], number: int = 0) -> dict[str, float]:
        """The protocol's numbers of one replica, in percent."""
        return self.numbers(self.test_scores(state, predictors, number))

    def test_scores(self, state: Any, predictors: dict[Task, Any], number: int = 0) -> dict[str, np.ndarray]:
        """By the tasks' names the scores of all test rows; where only the best columns are kept, these."""
        del state, number
        if self._top:
            return {ZSL().name: self._best_columns(predictors[ZSL()])}
        return {task.name: on_host(self.scores(task, predictor)[0]) for task, predictor in predictors.items()}

    def numbers(self, scores: dict[str, np.ndarray]) -> dict[str, float]:
        """The protocol's numbers of `test_scores`, in percent."""
        if self._top:
            return self._protocol.score_top(scores[ZSL().name], self._top)
        numbers = {}
        if GZSL().name in scores and self._choosing:
            numbers |= self._protocol.best_factor(scores[GZSL().name])
        for name, of_task in self.decisive(scores).items():
            numbers |= self._protocol.score(self._named[name], of_task)
        return numbers

    def decisive(self, scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`test_scores` with the bonus of calibrated stacking: the best one decides."""
        if self._top:
            return scores
        seen = {name: self.view.classes.seen[self.candidates[self._named[name]]] for name in scores}
        return {name: np.asarray(calibrated(found, self.factor, seen[name])) for name, found in scores.items()}

    def details(self, state: Any, number: int = 0) -> dict[str, float | list[float]]:
        """What else the journal tells of one replica, lists with an entry a candidate class."""
        del state, number
        return {}

    def truth(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the problem that the scores are of, and their classes."""
        return self._protocol.truth(task)

    def scores(self, task: Task, predictor: Any) -> tuple[Float[Array, "n k"], Float[Array, "n d"]]:
        """Scores of a task's test rows, without calibration, and the rows."""
        queries = self._queries[task]
        return self._logits[task](predictor, queries.x, queries.candidates), queries.x

    def _best_columns(self, predictor: Any) -> np.ndarray:
        """The best columns of the rows of unseen classes, never all scores at once."""

        def logits(x):
            return self._logits[ZSL()](predictor, x, self.candidates[ZSL()])

        return top_columns(logits, self._protocol.chunks(ZSL()), max(self._top))
