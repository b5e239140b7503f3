"""How a trainer feeds its pool to the compiled programs: whole on the devices, or block by block from the host."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jzsl.devices.mesh import SAMPLES_MULTIPLE, by_samples, cut, layout, on_host, shapes
from jzsl.errors import InputError
from jzsl.evaluation.views import View
from jzsl.keys import stream
from jzsl.problem.problem import Problem
from jzsl.types import UNLABELLED, Metrics, Pool, per_sample

Initialise = Callable[[Any, Pool], Any]
"""(keys, pool) -> states."""
Advance = Callable[[Any, Pool, int], tuple[Any, Metrics]]
"""(states, pool, epochs) -> (states, metrics); the states are used up."""


class ResidentPool:
    """The whole pool on the devices.

    Attributes:
        abstract: shapes and shardings of the pool that programs are compiled for.
        arrays: the pool on the devices, once `load` was called.
    """

    def __init__(self, view: View, mesh: Any):
        self._pool, self._mesh = view.pool, mesh
        self.abstract: Any = shapes(view.pool, cut(mesh))
        self.arrays: Any = None

    def load(self) -> None:
        """Puts the pool on the devices."""
        self.arrays = by_samples(self._pool, self._mesh)

    def init(self, initialise: Initialise, keys: Any) -> Any:
        """The states before training."""
        return initialise(keys, self.arrays)

    def fit(self, advance: Advance, states: Any, done: int, epochs: int) -> tuple[Any, Metrics]:
        """Trains `epochs` epochs further."""
        del done
        return advance(states, self.arrays, epochs)

    def on_devices(self, states: Any) -> Any:
        """The states as programs take them."""
        return states

    def stored(self, states: Any) -> Any:
        """The states of a checkpoint, as this pool keeps them between calls."""
        return states

    def abstract_states(self, of: Callable[[Pool], Any]) -> Any:
        """Shapes of the states between calls, from a function of the pool's shapes."""
        return of(self.abstract)


class BlockedPool:
    """Samples that stay on the host, or on disk where the problem is memory-mapped.

    An epoch cuts a random order of all samples into blocks and trains on one after another, while the next one is
    read. What the state holds per sample (ABP's latents) stays on the host with them. All seeds have the same blocks;
    within a block each seed has its own order.

    Args:
        problem: whose samples these are.
        view: an inductive view of it that is not resident.
        mesh: the devices.
        size: samples per block, rounded up to a multiple of 64.
        capacity: samples of another problem that shares the compilation.

    Raises:
        InputError: if there are several processes.
    """

    def __init__(self, problem: Problem, view: View, mesh: Any, size: int, capacity: int):
        if jax.process_count() > 1:
            raise InputError("samples_per_block: given, but several processes cannot take samples in blocks")
        self._problem, self._view, self._mesh = problem, view, mesh
        self._size = -(-min(size, capacity) // SAMPLES_MULTIPLE) * SAMPLES_MULTIPLE
        self._count = view.labelled
        self._first = np.arange(min(self._size, self._count))
        self.abstract: Any = shapes(self.read(self._first), cut(mesh))
        self.arrays: Any = None

    def load(self) -> None:
        """Puts the first block on the devices."""
        self.arrays = by_samples(self.read(self._first), self._mesh)

    def read(self, index: Int[np.ndarray, " i"]) -> Pool:
        """A block of the pool's samples, padded with absent ones."""
        problem, pool = self._problem, self._view.pool
        samples, free = problem.splits.train[index], self._size - len(index)
        observed = None if problem.observed is None else problem.observed[samples]
        x = np.zeros((self._size, *pool.x.shape[1:]), pool.x.dtype)
        x[: len(index)] = self._view.transform(problem.samples[samples], observed)
        masked = None
        if observed is not None and pool.observed is not None:
            masked = np.pad(observed, [(0, free)] + [(0, 0)] * (observed.ndim - 1))
        return Pool(
            x,
            np.pad(pool.y[index], (0, free), constant_values=UNLABELLED),
            np.pad(pool.w[index], (0, free)),
            masked,
        )

    def init(self, initialise: Initialise, keys: Any) -> Any:
        """The states before training; what belongs to single samples is drawn with one key per block, in the first one
        with the seed's key."""
        first = initialise(keys, self.arrays)
        states = jax.tree.map(
            lambda leaf, of_samples: (
                np.zeros((leaf.shape[0], self._count, *leaf.shape[2:]), leaf.dtype) if of_samples else leaf
            ),
            first,
            per_sample(first),
        )
        for number, start in enumerate(range(0, self._count, self._size)):
            of_block = jax.vmap(lambda key, number=number: stream(key, "block", number))(keys)
            block = initialise(of_block, self.arrays) if number else first
            self._write(states, block, np.arange(start, min(start + self._size, self._count)))
        return states

    def fit(self, advance: Advance, states: Any, done: int, epochs: int) -> tuple[Any, Metrics]:
        """Trains `epochs` epochs further; metrics are means over blocks, weighted by their samples."""
        total: Metrics = {}
        with ThreadPoolExecutor(1) as reader:
            for epoch in range(done, done + epochs):
                order = np.random.default_rng(epoch).permutation(self._count)
                # Sorted within a block: files are read in order, and training shuffles the block anyway.
                blocks = [np.sort(order[start : start + self._size]) for start in range(0, self._count, self._size)]
                coming = reader.submit(self.read, blocks[0])
                for index, following in zip(blocks, [*blocks[1:], None], strict=True):
                    pool = by_samples(coming.result(), self._mesh)
                    trained, metrics = advance(self._take(states, index), pool, 1)
                    if following is not None:
                        coming = reader.submit(self.read, following)
                    states = self._write(states, trained, index)
                    share = len(index) / (self._count * epochs)
                    host = on_host(metrics)
                    total = {name: total.get(name, 0) + share * value for name, value in host.items()}
        return states, total

    def on_devices(self, states: Any) -> Any:
        """The states as programs take them. Their entries of single samples are those of the first block: predictors of
        methods that take blocks do not read them."""
        return self._take(states, self._first)

    def stored(self, states: Any) -> Any:
        """The states of a checkpoint; what belongs to single samples goes to the host."""
        return jax.tree.map(lambda leaf, of: np.array(leaf) if of else leaf, states, per_sample(states))

    def abstract_states(self, of: Callable[[Pool], Any]) -> Any:
        """Shapes of the states between calls, with entries for every sample."""
        return of(self._view.pool)

    def _take(self, states: Any, index: Int[np.ndarray, " i"]) -> Any:
        """States on the devices, with the entries of a block's samples."""
        free = self._size - len(index)

        def take(leaf, of_samples):
            if not of_samples:
                return leaf
            part = leaf[:, index]
            return np.pad(part, [(0, 0), (0, free)] + [(0, 0)] * (part.ndim - 2))

        parts = jax.tree.map(take, states, per_sample(states))
        return jax.tree.map(jax.device_put, parts, layout(parts, self._mesh))

    def _write(self, states: Any, block: Any, index: Int[np.ndarray, " i"]) -> Any:
        """The block's entries of single samples go back to the host; all else is as the block left it."""

        def write(leaf, new, of_samples):
            if not of_samples:
                return new
            leaf[:, index] = np.asarray(new)[:, : len(index)]
            return leaf

        return jax.tree.map(write, states, block, per_sample(states))
