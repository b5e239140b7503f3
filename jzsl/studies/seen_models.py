"""Supervised models of the seen classes on training rows, and how often such models are right about a test row."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive
from jzsl.keys import stream
from jzsl.methods.supervised import Supervised
from jzsl.studies.study import Setting
from jzsl.tasks.adaptation import Adaptation

_MODELS = 10


class SeenModels:
    """The seen classes of a problem as a supervised task.

    Attributes:
        view: the training rows.
        x: test rows of seen classes, scaled.
        label: column of each one's class.
        frequency: of each, how often it is recognised, in [0, 1]: the setting's measured frequency, or in its place
            the share of models that are right, each trained on a random half of the training rows.
        measured: whether the frequency was given.
    """

    def __init__(self, setting: Setting):
        problem = setting.problem
        if not len(problem.splits.test_seen):
            raise InputError(f"{problem.provenance.origin}: splits.test_seen: no rows to measure hardness on")
        self.view = inductive(problem, setting.scaling)
        self.x = jnp.asarray(Protocol(problem, self.view).queries(Adaptation()).x)
        rows = Adaptation().queries(problem)
        self.label = np.searchsorted(self.view.seen, problem.labels[rows]).astype(np.int32)
        self.measured = setting.frequency is not None
        if setting.frequency is not None:
            self.frequency = setting.frequency[rows]
            return
        setting.tell("models on random halves")
        self.frequency = self._shares_right(setting.epochs)

    def _shares_right(self, epochs: int) -> Float[np.ndarray, " n"]:
        method = Supervised(hidden=None).build(Adaptation())
        pool, classes = jax.device_put((self.view.pool, self.view.classes))

        def predict(key: Any, pool, classes, x):
            half = jax.random.uniform(stream(key, "half"), pool.w.shape) < 0.5
            pool = pool._replace(w=jnp.where(half, pool.w, 0))
            state, _ = method.fit(method.init(key, pool, classes), pool, classes, epochs, epochs)
            predictor = method.predictor(state, pool, classes, self.view.unseen)
            return jnp.argmax(method.logits(predictor, x, self.view.seen), 1)

        run = jax.jit(predict)
        right = [np.asarray(run(jax.random.key(seed), pool, classes, self.x)) == self.label for seed in range(_MODELS)]
        return np.mean(right, 0)

    @property
    def note(self) -> str:
        if self.measured:
            return "frequency: as measured"
        return f"frequency: share of {_MODELS} linear models right, each trained on a random half of the training rows"
