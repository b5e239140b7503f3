"""A finished model on disk: what `jzsl predict` needs to classify new rows without the training data."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jzsl.config import MethodConfig
from jzsl.driver.checkpoints import read_model, read_model_record, save_model
from jzsl.driver.trainer import Trainer
from jzsl.errors import InputError
from jzsl.problem.checks import require_samples
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import Transform
from jzsl.records import require_record
from jzsl.types import ClassTable, Pool, Task

_RECORD = {"rows": int, "features": int, "semantics": int, "class_names": list[str], "unseen": list[int],
           "factor": float, "masked": bool, "candidates": dict[str, list[int]]}  # fmt: skip


class Model(NamedTuple):
    """A trained method for one task.

    Attributes:
        method: the configuration that trained it.
        task: what it was asked for.
        state: the trained method's, as it was before classification.
        predictor: the classifier's parameters.
        transform: applied to features first.
        candidates: class indices, one a column of the scores.
        classes: the class table.
        class_names: of all its classes.
        unseen: those without labelled rows.
        factor: of calibrated stacking.
    """

    method: MethodConfig
    task: Task
    state: Any
    predictor: Any
    transform: Transform
    candidates: np.ndarray
    classes: ClassTable
    class_names: tuple[str, ...]
    unseen: np.ndarray
    factor: float

    @property
    def bonus(self) -> np.ndarray:
        """Added to each column's scores."""
        return np.where(np.isin(self.candidates, self.unseen), np.float32(self.factor), np.float32(0))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the candidates."""
        return tuple(self.class_names[index] for index in self.candidates)

    def scores(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Scores of unscaled feature rows.

        Raises:
            InputError: if these are no finite numbers, or the feature size is not the one trained on.
        """
        require_samples(features, self.transform.low.shape, self.transform.low.dtype)
        logits = jax.jit(self.method.build(self.task).logits)
        return np.asarray(logits(self.predictor, self.transform(features), self.candidates)) + self.bonus


def save(folder: Path, trainer: Trainer, state: Any, predictors: dict[Task, Any], problem: Problem) -> None:
    """Writes state, predictors and transform, with the sizes from which their structure is known."""
    view = trainer.view
    record = {
        "rows": len(view.pool.x),
        "features": view.pool.x.shape[1],
        "semantics": view.classes.semantics.shape[1],
        "class_names": list(problem.class_names),
        "unseen": view.unseen.tolist(),
        "factor": trainer.factor,
        "masked": view.pool.observed is not None,
        "candidates": {task.name: trainer.candidates[task].tolist() for task in predictors},
    }
    model = {
        "state": state,
        "predictors": {task.name: predictor for task, predictor in predictors.items()},
        "transform": tuple(view.transform),
        "classes": tuple(view.classes),
    }
    save_model(folder, model, record)


def load(folder: Path, method: MethodConfig, task: Task | None = None) -> Model:
    """Reads a model back; `task` None takes the first one saved.

    Raises:
        InputError: if the folder is missing or damaged, or has no such task.
    """
    record = read_model_record(folder)
    _require_sizes(record, folder)
    saved = [Task[name] for name in record["candidates"]]
    task = task or saved[0]
    if task not in saved:
        raise InputError(f"{folder}: task {task.name} was not run, only {', '.join(t.name for t in saved)}")
    model = read_model(folder, _abstract_model(method, record, saved))
    candidates = np.array(record["candidates"][task.name], np.int32)
    return Model(
        method,
        task,
        model["state"],
        model["predictors"][task.name],
        Transform(*map(np.asarray, model["transform"])),
        candidates,
        ClassTable(*map(np.asarray, model["classes"])),
        tuple(record["class_names"]),
        np.array(record["unseen"], np.int32),
        record["factor"],
    )


def _require_sizes(record: dict[str, Any], folder: Path) -> None:
    where = f"{folder}: not the record of a model"
    require_record(record, _RECORD, where)
    classes = len(record["class_names"])
    if not all(0 < record[name] < 2**31 for name in ("rows", "features", "semantics")):
        raise InputError(f"{where} (rows, features, semantics: expected positive numbers)")
    if unknown := set(record["candidates"]) - set(Task.__members__):
        raise InputError(f"{where} (candidates: {sorted(unknown)[0]!r} is no task)")
    for number in (*record["unseen"], *(number for group in record["candidates"].values() for number in group)):
        if not 0 <= number < classes:
            raise InputError(f"{where} (class {number} found, there are {classes})")
    if not all(record["candidates"].values()) or not record["candidates"]:
        raise InputError(f"{where} (candidates: none)")


def _abstract_model(method: MethodConfig, record: dict[str, Any], tasks: list[Task]) -> dict[str, Any]:
    rows, features, classes = record["rows"], record["features"], len(record["class_names"])
    methods = {task: method.build(task) for task in tasks}

    def model():
        counts = jnp.zeros(rows, jnp.int32)
        x = jnp.zeros((rows, features))
        pool = Pool(x, counts, counts, x > 0 if record["masked"] else None)
        table = ClassTable(jnp.zeros((classes, record["semantics"])), jnp.zeros(classes, bool))
        unseen = jnp.zeros(len(record["unseen"]), jnp.int32)
        state = methods[tasks[0]].init(jax.random.key(0), pool, table)
        predictors = {task.name: made.predictor(state, pool, table, unseen) for task, made in methods.items()}
        return {"state": state, "predictors": predictors, "transform": (x[0], x[0]), "classes": tuple(table)}

    return jax.eval_shape(model)
