"""A finished model on disk: what `jzsl predict` needs to classify new samples without the training data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from jzsl.config import Experiment
from jzsl.driver.checkpoints import read_model, read_model_record, save_model
from jzsl.driver.trainer import Trainer
from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig, Task
from jzsl.metrics.calibration import column_offsets
from jzsl.metrics.scores import require_scores
from jzsl.problem.checks import require_samples
from jzsl.problem.extraction import Extraction, extraction_of
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import Transform
from jzsl.records import require_record
from jzsl.self_training.parts import name_of
from jzsl.types import ClassTable, Pool

_RECORD = {"samples": int, "shape": list[int], "dtype": str, "semantics": int | None, "class_names": list[str],
           "unseen": list[int], "offset": float, "masked": bool, "raw": list[int], "matrix": bool,
           "candidates": dict[str, list[int]]}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Model:
    """A trained method for one task.

    Attributes:
        method: the configuration that trained it.
        task: what it recognises.
        state: of the trained method.
        predictor: what the method's `logits` needs.
        transform: applied to samples first.
        candidates: class indices, one per column of the scores.
        classes: the class table.
        class_names: names of all classes.
        unseen: classes without labelled samples.
        offset: the calibration offset.
        extraction: how its samples were made of pictures, where they were.
        note: what the run's own scores had and this model has not; None where nothing is left out.
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
    offset: float
    extraction: Extraction | None
    note: str | None = None

    @property
    def offsets(self) -> Float[np.ndarray, " k"]:
        """The calibration offset of each column."""
        return column_offsets(self.offset, ~np.isin(self.candidates, self.unseen))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(self.class_names[index] for index in self.candidates)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return self.transform.low.shape

    @cached_property
    def _logits(self) -> Callable[..., Any]:
        """Compiled once per number of samples."""
        return jax.jit(self.method.build(self.task).logits)

    def scores(self, samples: Shaped[np.ndarray, "n *s"]) -> Float[np.ndarray, "n k"]:
        """Scores of samples as they are in the data, before the transform.

        Raises:
            InputError: if these are no finite numbers, of another shape or kind than those trained on, or if a score
                is NaN.
        """
        require_samples(samples, self.shape, self.transform.low.dtype)
        scores = np.asarray(self._logits(self.predictor, self.transform(samples), self.candidates)) + self.offsets
        require_scores(scores)
        return scores


def save(folder: Path, trainer: Trainer, state: Any, predictors: dict[Task, Any], problem: Problem) -> None:
    """Writes state, predictors and transform, with the sizes that determine their structure."""
    view = trainer.view
    semantics, extraction = view.classes.semantics, problem.provenance.extraction
    record = {
        "samples": len(view.pool.x),
        "shape": list(view.pool.x.shape[1:]),
        "dtype": str(view.pool.x.dtype),
        "semantics": None if semantics is None else semantics.shape[1],
        "class_names": list(problem.class_names),
        "unseen": view.unseen.tolist(),
        "clusters": problem.clusters,
        "offset": trainer.offset,
        "masked": view.pool.observed is not None,
        "raw": list(view.transform.low.shape),
        "matrix": view.transform.matrix is not None,
        "candidates": {task.name: trainer.scoring.candidates[task.name].tolist() for task in predictors},
        "extraction": None if extraction is None else extraction.record(),
    }
    model = {
        "state": state,
        "predictors": {task.name: predictor for task, predictor in predictors.items()},
        "transform": tuple(view.transform),
        "classes": (view.classes.semantics, view.classes.seen),
    }
    save_model(folder, model, record)


def load(folder: Path, experiment: Experiment, task: str | None = None) -> Model:
    """Reads a model back.

    Args:
        folder: where `save` wrote it.
        experiment: that trained it.
        task: name of one of its tasks; None: the first one.

    Raises:
        InputError: if the folder is missing or damaged, or has no such task.
    """
    record = read_model_record(folder)
    _require_sizes(record, folder)
    by_name = {one.name: one for one in experiment.tasks}
    for name in record["candidates"]:
        if name not in by_name:
            raise InputError(f"{folder}: not the record of a model (candidates: {name!r} is no task of the run)")
    saved = list(record["candidates"])
    task = task or experiment.tasks[0].name
    if task not in saved:
        raise InputError(f"{folder}: task {task} was not run, only {', '.join(saved)}")
    model = read_model(folder, _abstract_model(experiment.method, record, [by_name[name] for name in saved]))
    semantics, seen = model["classes"]
    described = None if semantics is None else np.asarray(semantics)
    classes = ClassTable(described, np.asarray(seen), _clusters(record))
    return Model(
        experiment.method,
        by_name[task],
        model["state"],
        model["predictors"][task],
        jax.tree.map(np.asarray, Transform(*model["transform"])),
        np.array(record["candidates"][task], np.int32),
        classes,
        tuple(record["class_names"]),
        np.array(record["unseen"], np.int32),
        record["offset"],
        extraction_of(record.get("extraction"), f"{folder}: not the record of a model (extraction)"),
        left_out(experiment, by_name[task]),
    )


def left_out(experiment: Experiment, task: Task) -> str | None:
    """What the scores of a run's unlabelled samples had and a saved model of this task has not, as a sentence; None
    where it scores them alike."""
    sths = experiment.self_training
    if sths is None or task != experiment.unlabelled:
        return None
    parts = [] if sths.refinement is None else [name_of(sths.refinement)]
    parts += ["averages over rounds"] if sths.average and sths.rounds else []
    if not parts:
        return None
    return (
        f"the classifier of the last round alone, without {' and '.join(parts)}, which the run's scores of its "
        "unlabelled samples had"
    )


def _require_sizes(record: dict[str, Any], folder: Path) -> None:
    where = f"{folder}: not the record of a model"
    require_record(record, _RECORD, where)
    classes = len(record["class_names"])
    sizes = [
        record["samples"],
        *record["shape"],
        *record["raw"],
        1 if record["semantics"] is None else record["semantics"],
    ]
    if not record["shape"] or not record["raw"] or not all(0 < size < 2**31 for size in sizes):
        raise InputError(f"{where} (samples, shape, semantics: expected positive numbers)")
    if record["dtype"] not in ("float32", "float16", "uint8"):
        raise InputError(f"{where} (dtype: {record['dtype']!r} found, expected float32, float16 or uint8)")
    for number in (*record["unseen"], *(number for group in record["candidates"].values() for number in group)):
        if not 0 <= number < classes:
            raise InputError(f"{where} (class {number} found, there are {classes})")
    clusters = record.get("clusters", 0)
    if not (isinstance(clusters, int) and 0 <= clusters <= classes):
        raise InputError(f"{where} (clusters: {clusters!r} found, expected 0 to {classes})")
    if not all(record["candidates"].values()) or not record["candidates"]:
        raise InputError(f"{where} (candidates: none)")


def _clusters(record: dict[str, Any]) -> np.ndarray | None:
    """The classes that are clusters to be discovered; models of earlier versions have none."""
    count = record.get("clusters", 0)
    return np.arange(len(record["class_names"]) - count, len(record["class_names"]), dtype=np.int32) if count else None


def _abstract_model(method: MethodConfig, record: dict[str, Any], tasks: list[Task]) -> dict[str, Any]:
    samples, shape, classes = record["samples"], tuple(record["shape"]), len(record["class_names"])
    raw = tuple(record["raw"])
    methods = {task: method.build(task) for task in tasks}
    affine = jnp.uint8 if record["dtype"] == "uint8" else jnp.float32

    def model():
        counts = jnp.zeros(samples, jnp.int32)
        x = jnp.zeros((samples, *shape), record["dtype"])
        pool = Pool(x, counts, counts, x > 0 if record["masked"] else None)
        semantics = None if record["semantics"] is None else jnp.zeros((classes, record["semantics"]))
        table = ClassTable(semantics, jnp.zeros(classes, bool), _clusters(record))
        unseen = jnp.zeros(len(record["unseen"]), jnp.int32)
        state = methods[tasks[0]].init(jax.random.key(0), pool, table)
        predictors = {task.name: made.predictor(state, pool, table, unseen) for task, made in methods.items()}
        matrix = jnp.zeros((*raw, *shape)) if record["matrix"] else None
        affine_map = (jnp.zeros(raw, affine), jnp.zeros(raw, affine), matrix)
        return {
            "state": state,
            "predictors": predictors,
            "transform": affine_map,
            "classes": (table.semantics, table.seen),
        }

    return jax.eval_shape(model)
