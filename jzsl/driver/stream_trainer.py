"""The trainer for pools that the devices do not hold: the same interface, rows in blocks."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from jzsl.config import Experiment
from jzsl.devices.mesh import ROWS_MULTIPLE, by_rows, layout, on_host
from jzsl.driver.trainer import Programs, Trainer, placed
from jzsl.errors import InputError
from jzsl.interfaces import Task
from jzsl.keys import stream
from jzsl.problem.problem import Problem
from jzsl.problem.views import View, inductive
from jzsl.types import Metrics, Pool


class StreamTrainer(Trainer):
    """Trains a method on rows that stay on the host, or on disk where the problem is memory-mapped.

    An epoch cuts a random order of all rows into blocks, and trains on one after another; the next one is read
    meanwhile. What the state holds of single rows (ABP's latents) stays on the host with them. The blocks of an epoch
    are the same for all seeds; within them each seed has its own order.

    Args:
        problem: what to train on.
        experiment: how; `samples_per_block` is the size of a block, rounded up to a multiple of 64.
        programs: the experiment's compiled functions.
        capacity: rows that another problem may have; both then have blocks of the same size.

    Raises:
        InputError: if the method needs all rows at once, or there are several processes.
    """

    def __init__(self, problem: Problem, experiment: Experiment, programs: Programs, capacity: int):
        assert experiment.samples_per_block is not None
        if programs.whole_pool:
            raise InputError("samples_per_block: given, but this method needs all rows at once")
        if jax.process_count() > 1:
            raise InputError("samples_per_block: given, but several processes cannot take rows in blocks")
        self._problem = problem
        self._size = -(-min(experiment.samples_per_block, capacity) // ROWS_MULTIPLE) * ROWS_MULTIPLE
        view = inductive(problem, experiment.scaling, resident=False)
        self._rows = len(problem.splits.train)
        self._set_up(problem, view, experiment, programs)

    def _set_up(self, problem: Problem, view: View, experiment: Experiment, programs: Programs) -> None:
        self.view = view
        block = self._read(np.arange(min(self._size, self._rows)))
        super()._set_up(problem, view._replace(pool=block), experiment, programs)
        self.view = view
        own, all_rows = self._init_shapes((0,)), self._all_shapes((0,))
        self._of_rows = jax.tree.map(lambda part, whole: part.shape != whole.shape, own, all_rows)

    def _all_shapes(self, seeds: Sequence[int]) -> Any:
        """Shapes of the states that know every row."""
        return self._programs.init.shapes(self._keys(seeds), self.view.pool, self._classes)

    def _read(self, index: np.ndarray) -> Pool:
        """A block of rows of the pool, filled up with rows without weight."""
        problem, pool = self._problem, self.view.pool
        rows, free = problem.splits.train[index], self._size - len(index)
        observed = None if problem.observed is None else problem.observed[rows]
        x = np.zeros((self._size, pool.x.shape[1]), pool.x.dtype)
        x[: len(index)] = self.view.scaler(problem.samples[rows], observed)
        return Pool(
            x,
            np.pad(pool.y[index], (0, free), constant_values=-2),
            np.pad(pool.w[index], (0, free)),
            None if observed is None else np.pad(observed, ((0, free), (0, 0))),
        )

    def init(self, seeds: Sequence[int]) -> Any:
        """The states; of single rows each block draws with a key of its own, the first one with the seed's."""
        keys = self._keys(seeds)
        first = self._programs.init(keys, self._pool, self._classes)
        states = jax.tree.map(
            lambda leaf, shape, of_rows: np.zeros(shape.shape, shape.dtype) if of_rows else leaf,
            first,
            self._all_shapes(seeds),
            self._of_rows,
        )
        for number, start in enumerate(range(0, self._rows, self._size)):
            of_block = jax.vmap(lambda key, number=number: stream(key, "block", number))(keys)
            block = self._programs.init(of_block, self._pool, self._classes) if number else first
            self._write(states, block, np.arange(start, min(start + self._size, self._rows)))
        return states

    def fit(self, state: Any, done: int, chunk: int, epochs: int) -> tuple[Any, Metrics]:
        """As elsewhere; metrics are means over blocks, weighted by their rows."""
        total: Metrics = {}
        with ThreadPoolExecutor(1) as reader:
            for epoch in range(done, done + chunk):
                order = np.random.default_rng(epoch).permutation(self._rows)
                # Sorted within a block: files are read in their order, and training has an order of its own.
                blocks = [np.sort(order[start : start + self._size]) for start in range(0, self._rows, self._size)]
                coming = reader.submit(self._read, blocks[0])
                for index, following in zip(blocks, [*blocks[1:], None], strict=True):
                    pool = by_rows(coming.result(), self._programs.mesh)
                    trained, metrics = self._programs.fit(self._take(state, index), pool, self._classes, 1, epochs)
                    if following is not None:
                        coming = reader.submit(self._read, following)
                    state = self._write(state, trained, index)
                    share = len(index) / (self._rows * chunk)
                    total = {
                        name: total.get(name, 0) + share * value for name, value in on_host(metrics).items()
                    }  # fmt: skip
        return state, total

    def predictors(self, state: Any, number: int = 0) -> dict[Task, Any]:
        """As elsewhere; no method that takes rows in blocks asks for them here."""
        return super().predictors(self._take(state, np.arange(min(self._size, self._rows))), number)

    def _take(self, states: Any, index: np.ndarray) -> Any:
        """States on the devices, of single rows those of a block."""
        mesh, free = self._programs.mesh, self._size - len(index)

        def take(leaf, of_rows):
            if not of_rows:
                return leaf
            part = leaf[:, index]
            return np.pad(part, [(0, 0), (0, free)] + [(0, 0)] * (part.ndim - 2))

        parts = jax.tree.map(take, states, self._of_rows)
        return jax.tree.map(
            lambda leaf, place: jax.device_put(leaf, place), parts, layout(parts, mesh, self._size)
        )  # fmt: skip

    def _write(self, states: Any, block: Any, index: np.ndarray) -> Any:
        """The block's entries of single rows go back to the host; all else is as the block left it."""

        def write(leaf, new, of_rows):
            if not of_rows:
                return new
            leaf[:, index] = np.asarray(new)[:, : len(index)]
            return leaf

        return jax.tree.map(write, states, block, self._of_rows)

    def template(self, seeds: Sequence[int], lanes: int) -> Any:
        states = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((lanes, *leaf.shape[1:]), leaf.dtype), self._all_shapes(seeds)
        )
        return placed(states, self._programs.mesh, 0)

    def adopt(self, states: Any) -> Any:
        """As elsewhere; what belongs to single rows goes to the host."""
        adopted = super().adopt(states)
        return jax.tree.map(lambda leaf, of_rows: np.array(leaf) if of_rows else leaf, adopted, self._of_rows)
