"""Finished stages on disk, so that another run with the same stage, data and seed need not train it again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jzsl.config import Experiment
from jzsl.devices.mesh import layout
from jzsl.devices.replicas import replica
from jzsl.driver.checkpoints import read_model, read_model_record, save_model
from jzsl.driver.plan import Item, pretraining_of
from jzsl.driver.trainer import Trainer
from jzsl.errors import InputError
from jzsl.exchange import differences, encode
from jzsl.problem.problem import Problem


class StageStore:
    """The finished stages of a run.

    A stage is the same where these agree: it and the stages before it, the pre-trained weights that these start from,
    first task, data, transform and phase. The final state of each seed is then the same, too.

    Args:
        out: folder of the run.
        experiment: with its stages.
        problem: the data.
        source: folder of another run, whose stages are taken where they are the same; None: every stage is trained.
        warn: called with a line for each stage that differs from the source's and is trained.

    Raises:
        InputError: if `source` is given and is no folder, the experiment has no stages, or there are several processes.
    """

    def __init__(
        self,
        out: Path,
        experiment: Experiment,
        problem: Problem,
        source: Path | None,
        warn: Callable[[str], None] = lambda text: None,
    ):
        if source is not None and not source.is_dir():
            raise InputError(f"stages_from: {source}: no such folder; expected the folder of a run")
        if source is not None and not experiment.stages:
            raise InputError("stages_from: given, but the experiment has no stages")
        if source is not None and jax.process_count() > 1:
            raise InputError("stages_from: given, but several processes cannot take stages over")
        self._warn = warn
        self._out, self._source, self._experiment, self._hash = out, source, experiment, problem.hash

    def keep(self, item: Item, trainer: Trainer, states: Any) -> None:
        """Saves the states with which a stage ended, one folder per seed."""
        for number, seed in enumerate(item.seeds):
            save_model(self._folder(self._out, item, seed), replica(states, number), self._record(item, seed))

    def take(self, item: Item, trainer: Trainer) -> Any | None:
        """The states of a stage that another run has computed, or None where a seed's is missing or differs."""
        if self._source is None:
            return None
        folders = {seed: self._folder(self._source, item, seed) for seed in item.seeds}
        for seed, folder in folders.items():
            if not folder.is_dir():
                self._warn(f"{folder}: no such stage, so it is trained")
                return None
            if changed := list(differences(read_model_record(folder), self._record(item, seed))):
                self._warn(f"{folder}: another stage, so it is trained ({'; '.join(changed)})")
                return None
        one = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), trainer.template(item.seeds, 1)
        )
        states = [read_model(folder, one) for folder in folders.values()]
        states += [states[-1]] * (trainer.replicas - len(states))
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        placed = jax.tree.map(jax.device_put, stacked, layout(stacked, trainer.programs.mesh))
        return trainer.adopt(placed)

    def _folder(self, run: Path, item: Item, seed: int) -> Path:
        return run / "checkpoints" / f"stage-{item.phase}-{item.stage}-seed-{seed}"

    def _record(self, item: Item, seed: int) -> dict[str, Any]:
        """What determines the states of a stage."""
        names = [stage.name for stage in self._experiment.stages]
        up_to = self._experiment.stages[: names.index(item.stage or "") + 1]
        pretraining = pretraining_of([stage.method for stage in up_to], self._experiment.tasks[0])
        return {
            "stages": encode(up_to),
            "weights": None if pretraining is None else pretraining.weights,
            "task": encode(self._experiment.tasks[0]),
            "transform": encode(self._experiment.transform),
            "data": self._hash,
            "phase": item.phase,
            "seed": seed,
        }
