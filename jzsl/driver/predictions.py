"""The predictions of a finished seed on disk: scores of every test row, its place in the data, and its class."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from jzsl.devices.processes import is_first
from jzsl.driver.trainer import Trainer
from jzsl.errors import InputError, writing
from jzsl.interfaces import Task


class TaskPredictions(NamedTuple):
    """The scores of one task.

    Attributes:
        scores: of each test row, a column a candidate class; the largest decides. Where a run keeps the best columns
            only, these, best first.
        rows: of the problem.
        truth: their classes.
        candidates: the class of each column.
    """

    scores: Shaped[np.ndarray, "n k"]
    rows: Int[np.ndarray, " n"]
    truth: Int[np.ndarray, " n"]
    candidates: Int[np.ndarray, " c"]

    @property
    def ranked(self) -> bool:
        """Whether only the best columns are there, instead of scores."""
        return np.issubdtype(self.scores.dtype, np.integer)

    @property
    def predicted(self) -> Int[np.ndarray, " n"]:
        """The class of each row."""
        return self.candidates[self.scores[:, 0] if self.ranked else self.scores.argmax(1)]


def path_of(out: Path, seed: int) -> Path:
    return out / "predictions" / f"seed-{seed}.npz"


def save(out: Path, seed: int, trainer: Trainer, scores: dict[str, Float[np.ndarray, "n k"] | np.ndarray]) -> None:
    """Writes the scores of a seed, with the bonus of calibrated stacking, into the run's folder."""
    if not is_first():
        return
    entries, tasks = {}, {task.name: task for task in trainer.candidates}
    for name, found in trainer.decisive(scores).items():
        entries[f"{name}_scores"] = found
        if name in tasks:
            entries[f"{name}_rows"], entries[f"{name}_truth"] = trainer.truth(tasks[name])
            entries[f"{name}_candidates"] = trainer.candidates[tasks[name]]
    path = path_of(out, seed)
    temporary = path.with_name(f".{path.name}")
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(temporary, **entries)
        temporary.replace(path)


def load(out: Path, seed: int, tasks: tuple[Task, ...]) -> dict[Task, TaskPredictions]:
    """Reads those of the given tasks back; nothing is unpickled.

    Raises:
        InputError: naming the file.
    """
    path = path_of(out, seed)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            found = {
                task: TaskPredictions(*(file[f"{task.name}_{field}"] for field in TaskPredictions._fields))
                for task in tasks
                if f"{task.name}_scores" in file
            }
        if not found:
            raise ValueError("no scores in it")
        for task, (scores, rows, truth, candidates) in found.items():
            shapes = (scores.ndim, len(scores), len(rows), candidates.ndim)
            if shapes != (2, len(truth), len(truth), 1) or not np.issubdtype(scores.dtype, np.number):
                raise ValueError(f"{task.name}: shapes that disagree")
            if not all(
                np.issubdtype(part.dtype, np.integer) and (part >= 0).all() for part in (rows, truth, candidates)
            ):
                raise ValueError(f"{task.name}: rows and classes expected as numbers from 0")
        return found
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not the predictions of a run ({' '.join(str(error).split())[:200]})") from error
