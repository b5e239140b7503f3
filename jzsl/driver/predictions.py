"""The predictions of a finished seed on disk: the scores of every test sample, its index in the data, and its class."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from jzsl.devices.processes import is_first
from jzsl.driver.scoring import Scoring
from jzsl.errors import InputError, writing
from jzsl.interfaces import Task
from jzsl.types import UNLABELLED


class TaskPredictions(NamedTuple):
    """The scores of one task.

    Attributes:
        scores: of each test sample, one column per candidate class; the largest is the prediction. Where a run keeps
            the best columns only, these, best first.
        samples: indices of the problem's samples.
        truth: their classes, UNLABELLED where they are unknown.
        candidates: the class of each column.
    """

    scores: Shaped[np.ndarray, "n k"]
    samples: Int[np.ndarray, " n"]
    truth: Int[np.ndarray, " n"]
    candidates: Int[np.ndarray, " c"]

    @property
    def ranked(self) -> bool:
        """Whether `scores` holds the best columns only, instead of scores."""
        return np.issubdtype(self.scores.dtype, np.integer)

    @property
    def predicted(self) -> Int[np.ndarray, " n"]:
        """The predicted class of each sample."""
        return self.candidates[self.scores[:, 0] if self.ranked else self.scores.argmax(1)]


def path_of(out: Path, seed: int) -> Path:
    return out / "predictions" / f"seed-{seed}.npz"


def save(out: Path, seed: int, scoring: Scoring, scores: dict[str, Float[np.ndarray, "n k"]]) -> None:
    """Writes the scores of a seed, with the calibration offset, into the run's folder."""
    if not is_first():
        return
    tasks, entries = {task.name: task for task in scoring.tasks}, {}
    for name, values in scoring.calibrated(scores).items():
        entries[f"{name}_scores"] = values
        if name in tasks:
            entries[f"{name}_samples"], entries[f"{name}_truth"] = scoring.truth(tasks[name])
            entries[f"{name}_candidates"] = scoring.candidates[name]
    path = path_of(out, seed)
    temporary = path.with_name(f".{path.name}")
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(temporary, **entries)
        temporary.replace(path)


def load(out: Path, seed: int, tasks: Sequence[Task]) -> dict[str, TaskPredictions]:
    """Reads the predictions for some tasks back, by the tasks' names; nothing is unpickled.

    Raises:
        InputError: naming the file.
    """
    path = path_of(out, seed)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            saved = {
                task.name: TaskPredictions(*(file[f"{task.name}_{field}"] for field in TaskPredictions._fields))
                for task in tasks
                if f"{task.name}_scores" in file
            }
        if not saved:
            raise ValueError("no scores in it")
        for name, (scores, samples, truth, candidates) in saved.items():
            shapes = (scores.ndim, len(scores), len(samples), candidates.ndim)
            if shapes != (2, len(truth), len(truth), 1) or not np.issubdtype(scores.dtype, np.number):
                raise ValueError(f"{name}: shapes that disagree")
            least = (samples, 0), (truth, UNLABELLED), (candidates, 0)
            if not all(np.issubdtype(part.dtype, np.integer) and (part >= first).all() for part, first in least):
                raise ValueError(f"{name}: samples and classes expected as numbers from 0")
        return saved
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not the predictions of a run ({' '.join(str(error).split())[:200]})") from error
