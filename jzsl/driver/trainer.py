"""One problem under one experiment: its pool, a procedure that trains on it, and the scores of its tasks."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jzsl.config import Experiment
from jzsl.devices.memory import require_fit
from jzsl.devices.mesh import REPLICA, layout, shapes, shared, whole
from jzsl.devices.replicas import replica
from jzsl.driver.pools import BlockedPool, ResidentPool
from jzsl.driver.programs import Programs
from jzsl.driver.scoring import Scores, Scoring
from jzsl.errors import InputError
from jzsl.evaluation.views import View
from jzsl.interfaces import Task
from jzsl.metrics.calibration import column_offsets
from jzsl.problem.problem import Problem
from jzsl.types import Metrics


class Trainer:
    """Trains replicas of a procedure on the pool of a view, and scores them.

    Args:
        problem: what to train on.
        view: of it, with the tasks' queries.
        experiment: how.
        programs: the compiled functions; several trainers may share them.
        unlabelled: the task whose test samples are the view's unlabelled pool; None: there is none.
        blocks: samples per block of a pool that stays on the host, and the capacity of another problem that shares the
            compilation; None: the whole pool is on the devices.
        tunes_offset: whether the metrics include the best calibration offset, for validation classes.
        scored: whether `scores` will be called; stages are never scored, and their methods need not know classes.

    Attributes:
        bytes: memory that each device will need at most, by the compiler's count.

    Raises:
        InputError: if that is more than there is, before anything is computed, or a method cannot take blocks.
    """

    def __init__(
        self,
        problem: Problem,
        view: View,
        experiment: Experiment,
        programs: Programs,
        unlabelled: Task | None = None,
        blocks: tuple[int, int] | None = None,
        tunes_offset: bool = False,
        scored: bool = True,
    ):
        if blocks is not None and programs.whole_pool:
            raise InputError("samples_per_block: given, but this method needs all samples at once")
        shape = view.pool.x.shape[1:]
        if len(shape) != 1 and not programs.takes_images:
            raise InputError(
                f"{problem.provenance.origin}: samples of shape {shape} found, expected vectors: this method does not "
                "learn from images"
            )
        self.view, self.programs, self.procedure = view, programs, programs.procedure
        self._offset = 0.0
        mesh = programs.mesh
        self._pool = ResidentPool(view, mesh) if blocks is None else BlockedPool(problem, view, mesh, *blocks)
        self._prepared = self._host_preparation()
        # Inductive programs serve problems with different numbers of unseen classes.
        has_rounds = programs.end is not None
        self._candidates: Any = shapes(view.candidates, whole(mesh)) if has_rounds else None
        self._classes, self._unseen = shapes((view.classes, view.unseen), whole(mesh))
        self._arrays_prepared = None if self._prepared is None else shapes(self._prepared, whole(mesh))
        self.scoring = Scoring(problem, view, experiment, programs, unlabelled, tunes_offset)
        self.bytes = self._compile(scored)
        require_fit(self.bytes, experiment.memory_gb, self._suggestions(experiment))
        self._pool.load()
        self._classes, self._unseen = shared((view.classes, view.unseen), mesh)
        self._arrays_prepared = None if self._prepared is None else shared(self._prepared, mesh)
        if scored:
            self.scoring.load()
        self.offset = 0.0
        self._predictor: Any = None

    def _host_preparation(self) -> Any:
        """What the procedure computes once per run from the unlabelled samples."""
        if self.procedure.prepare is None:
            return None
        x = np.asarray(self.view.pool.x[self.view.unlabelled_samples])
        return self.procedure.prepare(x, len(self.view.candidates.classes), 0)

    @property
    def offset(self) -> float:
        """Calibration offset on the scores of unseen classes, where seen classes are candidates, too."""
        return self._offset

    @offset.setter
    def offset(self, value: float) -> None:
        self._offset = self.scoring.offset = value
        if self._candidates is not None:
            candidates = self.view.candidates
            is_seen = self.view.classes.seen[candidates.classes]
            columns = column_offsets(value if is_seen.any() and not is_seen.all() else 0.0, is_seen)
            self._candidates = shared(candidates._replace(offset=columns), self.programs.mesh)

    def _compile(self, scored: bool) -> int:
        """Compiles all programs from shapes; returns the bytes of the largest, with the test samples if it scores.

        Classification comes first: a method without an answer to the task says so before training is compiled.
        """
        states = self._placed(self._abstract((0,), self._pool.abstract))
        arguments = (self._pool.abstract, self._classes)
        classification = self.scoring.compile(states, *arguments, self._unseen) if scored else []
        for program in (self.programs.begin, self.programs.end):
            if program is not None:
                program.compile(states, *arguments, self._candidates)
        self.programs.fit.compile(states, *arguments, 1, 1)
        programs = [*self.programs.of_rounds, *classification]
        return max(program.bytes for program in programs) + (self.scoring.query_bytes if scored else 0)

    def _suggestions(self, experiment: Experiment) -> list[str]:
        """What would make the run need less memory."""
        advice = []
        if self.programs.replicas > self.programs.mesh.shape[REPLICA]:
            advice.append(f"--parallel-seeds {max(1, experiment.replicas // 2)}")
        if self.view.pool.x.dtype == np.float32:
            advice.append("features in half precision")
        if jax.device_count() > experiment.devices_per_seed:
            advice.append(f"--devices-per-seed {2 * experiment.devices_per_seed}")
        if not (experiment.self_training or self.programs.whole_pool):
            advice.append(f"--samples-per-block {max(1, len(self.view.pool.x) // 4)}")
        return [*advice, "a smaller hidden layer or batch, or a Subset of the data"]

    @property
    def replicas(self) -> int:
        """States that train together, padding included."""
        return self.programs.replicas

    def init(self, seeds: Sequence[int], earlier: Any = None) -> Any:
        """The states before training, each a function of its seed alone.

        Args:
            seeds: of the replicas.
            earlier: the final states of the stage before, whose variables these take over; None: no stage.
        """
        keys = self.programs.keys(seeds)

        def initialise(keys, pool):
            return self.programs.init(keys, pool, self._classes, self._candidates, self._arrays_prepared)

        states = self._pool.init(initialise, keys)
        return states if earlier is None else self.programs.adopt(keys, states, earlier)

    def require_fitting(self, earlier: "Trainer", stage: str) -> None:
        """Raises an InputError unless this trainer can take over the variables of a stage that `earlier` trains."""
        own, before = (each._abstract((0,), each._pool.abstract) for each in (self, earlier))
        try:
            adopted = self.programs.adopted_shapes(self.programs.keys((0,)), own, before)
        except AttributeError as error:  # of a state that has nothing of the kind
            raise InputError(f"stages: {stage} has no variables of a network for the method after it") from error
        expected, handed_on = (
            {jax.tree_util.keystr(path, simple=True, separator="."): leaf.shape[1:] for path, leaf in leaves}
            for leaves in map(jax.tree_util.tree_leaves_with_path, (own, adopted))
        )
        for name in expected | handed_on:
            if handed_on.get(name) != expected.get(name):
                raise InputError(
                    f"stages: {stage} trains another network than the method after it uses: {name}: "
                    f"shape {handed_on.get(name)} found, expected {expected.get(name)}"
                )

    def _abstract(self, seeds: Sequence[int], pool: Any) -> Any:
        keys = self.programs.keys(seeds)
        return self.programs.init.shapes(keys, pool, self._classes, self._candidates, self._arrays_prepared)

    def _placed(self, states: Any) -> Any:
        """Shapes of states, with the shardings that `layout` gives them."""
        return jax.tree.map(
            lambda leaf, sharding: leaf.update(sharding=sharding), states, layout(states, self.programs.mesh)
        )

    def template(self, seeds: Sequence[int], replicas: int) -> Any:
        """Shapes and shardings of the states in a checkpoint, which may hold another number of replicas."""
        states = self._pool.abstract_states(lambda pool: self._abstract(seeds, pool))
        states = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((replicas, *leaf.shape[1:]), leaf.dtype), states)
        return self._placed(states)

    def adopt(self, states: Any) -> Any:
        """The states of a checkpoint with as many replicas as this trainer; seeds keep their numbers."""
        stored = len(jax.tree.leaves(states)[0])
        if stored != self.replicas:
            index = np.minimum(np.arange(self.replicas), stored - 1)

            def resized(states):
                states = jax.tree.map(lambda leaf: leaf[index], states)
                return jax.lax.with_sharding_constraint(states, layout(states, self.programs.mesh))

            states = jax.jit(resized)(states)
        return self._pool.stored(states)

    def total(self, epochs: int) -> int:
        """Epochs of a whole training with so many per round."""
        return epochs * self.procedure.rounds

    def next_chunk(self, done: int, epochs: int, chunk: int) -> int:
        """Epochs to train next after `done`: at most `chunk`, and not beyond the round."""
        return min(chunk, epochs - done % epochs)

    def fit(self, states: Any, done: int, chunk: int, epochs: int) -> tuple[Any, Metrics]:
        """Trains `chunk` epochs further; `states` are used up. Metrics have an entry per replica.

        Args:
            states: of all replicas.
            done: epochs done.
            chunk: how many to train, as `next_chunk` says.
            epochs: per round.
        """
        self._predictor = None
        pool, classes = self._pool.arrays, self._classes
        if self.programs.begin is not None and done % epochs == 0:
            states = self.programs.begin(states, pool, classes, self._candidates)

        def advance(states, pool, count):
            return self.programs.fit(states, pool, classes, count, epochs)

        states, metrics = self._pool.fit(advance, states, done, chunk)
        if self.programs.end is not None and (done + chunk) % epochs == 0:
            states, self._predictor, more = self.programs.end(states, pool, classes, self._candidates)
            metrics = metrics | more
        return states, metrics

    def position(self, done: int, epochs: int) -> dict[str, int] | None:
        """How far training is, if there is something to report: after each chunk, or at the end of a round."""
        if self.programs.end is None:
            return {"epoch": done}
        return {"round": done // epochs - 1} if done % epochs == 0 else None

    def model(self, states: Any, number: int = 0) -> Any:
        """The method's own state in one replica."""
        return replica(self.procedure.model(states), number)

    def scores(self, states: Any) -> Scores:
        """The scores of all tasks; where `fit` has just ended a round, those of its task are the round's."""
        pool, classes = self._pool.arrays, self._classes
        return self.scoring.of(self._pool.on_devices(states), self._predictor, pool, classes, self._unseen)
