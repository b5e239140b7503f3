"""One base on one inductive problem, trained epoch by epoch and asked at any time: true labels only score it."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive
from jzsl.interfaces import MethodConfig, Task
from jzsl.problem.problem import Problem
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, Pool, State


class Trained(NamedTuple):
    """A state after some epochs.

    Attributes:
        epoch: epochs done.
        state: the method's state.
        seconds: of this epoch, compilation apart.
    """

    epoch: int
    state: State
    seconds: float


class Trainee:
    """A base and a problem; every training of it runs the same compiled program.

    Attributes:
        view: the inductive view.
        protocol: scores predictions.
        pool, classes: of the view, on the device.
    """

    def __init__(self, problem: Problem, base: MethodConfig, scaling: Scaling, task: Task = ZSL()):
        self.view = inductive(problem, scaling)
        self.protocol = Protocol(problem, self.view)
        self.task = task
        self.pool, self.classes = jax.device_put((self.view.pool, self.view.classes))
        self._method = base.build(task)
        self._fit: Any = jax.jit(self._method.fit)
        self._init: Any = jax.jit(self._method.init)
        self._compiled: dict[MethodConfig, tuple[Any, Any]] = {}
        self._ready = False

    def train(
        self, seed: int, epochs: int, pool: Pool | None = None, classes: ClassTable | None = None
    ) -> Iterator[Trained]:
        """The state after each epoch; `pool` and `classes` of the same shapes may take the view's place."""
        pool, classes = self.pool if pool is None else pool, self.classes if classes is None else classes
        state = self._init(jax.random.key(seed), pool, classes)
        if not self._ready:
            jax.block_until_ready(self._fit(state, pool, classes, 0, epochs)[0])
            self._ready = True
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            state, _ = jax.block_until_ready(self._fit(state, pool, classes, 1, epochs))
            yield Trained(epoch, state, time.perf_counter() - start)

    def trained(self, seed: int, epochs: int, pool: Pool | None = None, classes: ClassTable | None = None) -> State:
        """The state after all epochs in one call."""
        pool, classes = self.pool if pool is None else pool, self.classes if classes is None else classes
        return self._fit(self._init(jax.random.key(seed), pool, classes), pool, classes, epochs, epochs)[0]

    def scores(
        self,
        state: State,
        base: MethodConfig,
        pool: Pool | None = None,
        classes: ClassTable | None = None,
        protocol: Protocol | None = None,
    ) -> Float[np.ndarray, "n k"]:
        """The scores of the task's test rows when `base`, which need not be the one that trained, classifies."""
        pool, classes = self.pool if pool is None else pool, self.classes if classes is None else classes
        protocol = self.protocol if protocol is None else protocol
        if base not in self._compiled:
            method = base.build(self.task)
            self._compiled[base] = (jax.jit(method.predictor), jax.jit(method.logits))
        predictor, logits = self._compiled[base]
        queries = protocol.queries(self.task)
        return np.asarray(logits(predictor(state, pool, classes, self.view.unseen), queries.x, queries.candidates))

    def score(
        self,
        state: State,
        base: MethodConfig,
        pool: Pool | None = None,
        classes: ClassTable | None = None,
        protocol: Protocol | None = None,
    ) -> dict[str, float]:
        """The task's numbers from `scores`."""
        protocol = self.protocol if protocol is None else protocol
        return protocol.score(self.task, self.scores(state, base, pool, classes, protocol))
