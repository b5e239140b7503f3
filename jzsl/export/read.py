"""Trained models that classify new samples: exported folders and saved runs alike; both take new classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Shaped

from jzsl.driver.saved_model import Model
from jzsl.errors import InputError
from jzsl.export.heads import head_of, joined, scores_of
from jzsl.export.write import (
    CLASS,
    FORMAT,
    HEAD,
    RECORD,
    SCORES,
    class_program,
    head_of_model,
    require_flatbuffers,
    takes_classes,
)
from jzsl.metrics.calibration import column_offsets
from jzsl.metrics.scores import require_scores
from jzsl.problem.checks import require_samples
from jzsl.problem.extraction import Extraction, extraction_of
from jzsl.problem.transforms import Transform
from jzsl.records import read_record
from jzsl.types import Head, LinearHead, NeighbourHead

SAMPLES = 256
"""of a call of an exported program, so that memory does not grow with their number"""
_RECORD = {
    "format": int,
    "classes": list[str],
    "unseen": list[bool],
    "offset": float,
    "shape": list[int],
    "dtype": str,
    "semantics": int,
}


class DeployedModel(NamedTuple):
    """A trained model that classifies samples.

    Attributes:
        names: of its classes, one per column.
        transform: of its samples.
        program: samples before the transform -> scores; None once classes were added.
        head: the same classifier as plain arrays, or None.
        offsets: calibration offset of each class.
        offset: calibration offset of an unseen class.
        new_class: semantics -> the head's part of a new class; None where none can be added.
        semantics: size of a class's semantics; 0 where there are none.
        extraction: how its samples were made of pictures, where they were.
        note: what the run's own scores had and this model has not; None where nothing is left out.
    """

    names: tuple[str, ...]
    transform: Transform
    program: Callable[[np.ndarray], np.ndarray] | None
    head: Head | None
    offsets: np.ndarray
    offset: float
    new_class: Callable[[np.ndarray], dict[str, Any]] | None
    semantics: int
    extraction: Extraction | None = None
    note: str | None = None

    def scores(self, samples: Shaped[np.ndarray, "n *s"]) -> Float[np.ndarray, "n k"]:
        """Scores of samples before the transform.

        Raises:
            InputError: if these are no finite numbers, of another shape or kind, or if a score is NaN.
        """
        require_samples(samples, self.transform.low.shape, self.transform.low.dtype)
        if self.program is not None:
            scores = self.program(samples)
        else:
            assert self.head is not None
            scores = scores_of(self.head, self.transform(samples), len(self.names)) + self.offsets
        require_scores(scores)
        return scores

    def with_class(self, name: str, semantics: Float[np.ndarray, " a"]) -> "DeployedModel":
        """The model with another unseen class, known by its semantics alone.

        Raises:
            InputError: if there is such a class already, its semantics are unusable, or no class can be added.
        """
        if name in self.names:
            raise InputError(f"class {name!r} is there already")
        if not self.semantics:
            raise InputError(f"class {name!r} cannot be added: this model was trained without class semantics")
        if semantics.shape != (self.semantics,) or not np.issubdtype(semantics.dtype, np.number):
            raise InputError(
                f"class {name!r}: semantics of shape {semantics.shape} and type {semantics.dtype} found, "
                f"expected {self.semantics} numbers"
            )
        if not np.isfinite(semantics).all() or not semantics.any():
            raise InputError(f"class {name!r}: its semantics are all zero or not finite")
        if self.head is None:
            raise InputError(
                f"class {name!r} cannot be added: this model's classifier is a program, not plain arrays; nearest "
                "neighbours, prototypes and linear maps of semantics can add classes"
            )
        if self.new_class is None:
            raise InputError(
                f"class {name!r} cannot be added: this model's classifier was trained on all its classes together; "
                "nearest neighbours, prototypes and methods that map semantics can add classes"
            )
        more = jax.tree.map(np.asarray, self.new_class(np.asarray(semantics, np.float32)))
        kind = LinearHead if isinstance(self.head, LinearHead) else NeighbourHead
        part = kind(**{**self.head._asdict(), **more})
        return self._replace(
            names=(*self.names, name),
            program=None,
            head=joined(self.head, part, len(self.names)),
            offsets=np.append(self.offsets, np.float32(self.offset)),
        )


def of_run(model: Model) -> DeployedModel:
    """The model of a saved run."""
    head = head_of_model(model)
    method = model.method.build(model.task)
    return DeployedModel(
        model.names,
        model.transform,
        model.scores,
        head,
        model.offsets,
        model.offset,
        jax.jit(class_program(model, method)) if takes_classes(model, head) else None,
        0 if model.classes.semantics is None else model.classes.semantics.shape[1],
        model.extraction,
        model.note,
    )


def is_exported(folder: Path) -> bool:
    """Whether the folder holds an exported model rather than a run."""
    return (folder / RECORD).is_file()


def read_exported(folder: Path) -> DeployedModel:
    """An exported model; nothing is unpickled, and its programs compute on arrays and do nothing else.

    Raises:
        InputError: naming the file that is missing or damaged.
    """
    require_flatbuffers()
    path, what = folder / RECORD, "the record of an exported model"
    record = read_record(path, _RECORD, what)
    if record["format"] != FORMAT:
        raise InputError(f"{path}: format {record['format']} found, this version reads {FORMAT}")
    names, unseen, shape = tuple(record["classes"]), np.array(record["unseen"], bool), tuple(record["shape"])
    if len(names) != len(unseen) or not shape or not all(0 < size < 2**31 for size in shape):
        raise InputError(f"{path}: not {what} ({len(names)} classes, {len(unseen)} flags, shape {shape})")
    if record["dtype"] not in ("float32", "uint8") or np.prod(shape, dtype=float) > 2**31:
        raise InputError(f"{path}: not {what} (samples of {record['dtype']}, shape {shape})")
    note = record.get("note")  # earlier versions recorded none
    if not isinstance(note, str | None):
        raise InputError(f"{path}: not {what} (note: {str(note)[:60]!r} found, expected a sentence)")
    offset = float(record["offset"])
    kind = np.dtype(record["dtype"])
    transform, head = Transform(np.zeros(shape, kind), np.ones(shape, kind)), None
    if (folder / HEAD).exists():
        entries = _entries(folder / HEAD)
        head = head_of(entries, folder / HEAD)
        transform = Transform(entries["low"], entries["span"], entries.get("matrix"))
    scores = _program(folder / SCORES)
    return DeployedModel(
        names,
        transform,
        lambda x: in_parts(scores, np.asarray(x, kind)),
        head,
        column_offsets(offset, ~unseen),
        offset,
        _program(folder / CLASS) if (folder / CLASS).exists() else None,
        record["semantics"],
        extraction_of(record.get("extraction"), f"{path}: not {what} (extraction)"),
        note,
    )


def in_parts(
    program: Callable[[Shaped[np.ndarray, "m *s"]], Float[Any, "m k"]], x: Shaped[np.ndarray, "n *s"]
) -> Float[np.ndarray, "n k"]:
    """The scores of all samples, `SAMPLES` at a time; the last part begins earlier where they do not fill it."""
    size = min(SAMPLES, len(x))
    if size == len(x):
        return np.asarray(program(x))
    starts = range(0, len(x), size)
    parts = [np.asarray(program(x[min(start, len(x) - size) :][:size])) for start in starts]
    return np.concatenate([*parts[:-1], parts[-1][starts[-1] - len(x) :]])


def _entries(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            entries = {name: file[name] for name in file.files}
        if missing := {"kind", "low", "span", "offset"} - set(entries):
            raise ValueError(f"{sorted(missing)[0]}: missing")
        return entries
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not the head of a model ({' '.join(str(error).split())[:200]})") from error


def _program(path: Path) -> Callable[..., Any]:
    try:
        return jax.export.deserialize(bytearray(path.read_bytes())).call
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not a program ({' '.join(str(error).split())[:200]})") from error
