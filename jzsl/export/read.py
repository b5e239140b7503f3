"""Classifiers that are ready: exported folders read back, and saved runs as the same; both take new classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jzsl.driver.saved_model import Model
from jzsl.errors import InputError
from jzsl.export.heads import head_of, joined, scores_of
from jzsl.export.write import CLASS, FORMAT, HEAD, RECORD, SCORES, class_program, head_of_model, require_flatbuffers
from jzsl.problem.checks import require_samples
from jzsl.problem.transforms import Transform
from jzsl.records import read_record
from jzsl.types import Head, LinearHead, NeighbourHead

_RECORD = {
    "format": int,
    "classes": list[str],
    "unseen": list[bool],
    "factor": float,
    "features": int,
    "semantics": int,
}


class Classifies(NamedTuple):
    """A model that classifies rows.

    Attributes:
        names: of its classes, a column each.
        transform: of its rows.
        program: unscaled rows -> scores; None once classes were added.
        head: the same as plain arrays, or None.
        bonus: on the scores of each class.
        factor: the bonus of an unseen class.
        new_class: semantics -> the head's part of one more class; None where none can be added.
        semantics: size of a class's semantics.
    """

    names: tuple[str, ...]
    transform: Transform
    program: Callable[[np.ndarray], np.ndarray] | None
    head: Head | None
    bonus: np.ndarray
    factor: float
    new_class: Callable[[np.ndarray], dict[str, Any]] | None
    semantics: int

    def scores(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Scores of unscaled feature rows.

        Raises:
            InputError: if these are no finite numbers, or the feature size is another one.
        """
        require_samples(features, self.transform.low.shape, self.transform.low.dtype)
        if self.program is not None:
            return self.program(features)
        assert self.head is not None
        return scores_of(self.head, self.transform(features), len(self.names)) + self.bonus

    def with_class(self, name: str, semantics: Float[np.ndarray, " a"]) -> "Classifies":
        """The model with one unseen class more, known by its semantics alone.

        Raises:
            InputError: if there is such a class, its semantics are none, or the classifier takes no more classes.
        """
        if name in self.names:
            raise InputError(f"class {name!r} is there already")
        if semantics.shape != (self.semantics,) or not np.issubdtype(semantics.dtype, np.number):
            raise InputError(
                f"class {name!r}: semantics of shape {semantics.shape} and type {semantics.dtype} found, "
                f"expected {self.semantics} numbers"
            )
        if not np.isfinite(semantics).all() or not semantics.any():
            raise InputError(f"class {name!r}: its semantics are all zero or not finite")
        if self.new_class is None or self.head is None:
            raise InputError(
                f"class {name!r} cannot be added: this model's classifier was trained on all its classes together; "
                "neighbours, prototypes and methods that map semantics take new ones"
            )
        more = jax.tree.map(np.asarray, self.new_class(np.asarray(semantics, np.float32)))
        kind = LinearHead if isinstance(self.head, LinearHead) else NeighbourHead
        part = kind(**{**self.head._asdict(), **more})
        return self._replace(
            names=(*self.names, name),
            program=None,
            head=joined(self.head, part, len(self.names)),
            bonus=np.append(self.bonus, np.float32(self.factor)),
        )


def of_run(model: Model) -> Classifies:
    """A saved run's model."""
    head = head_of_model(model)
    takes = head is not None and not getattr(head, "joint", False)
    method = model.method.build(model.task)
    return Classifies(
        model.names,
        model.transform,
        model.scores,
        head,
        model.bonus,
        model.factor,
        jax.jit(class_program(model, method)) if takes else None,
        model.classes.semantics.shape[1],
    )


def is_exported(folder: Path) -> bool:
    """Whether the folder holds an exported model, and not a run."""
    return (folder / RECORD).is_file()


def read_exported(folder: Path) -> Classifies:
    """An exported model; nothing is unpickled, and its programs compute on arrays and do nothing else.

    Raises:
        InputError: naming the file that is missing or damaged.
    """
    require_flatbuffers()
    path, what = folder / RECORD, "the record of an exported model"
    record = read_record(path, _RECORD, what)
    if record["format"] != FORMAT:
        raise InputError(f"{path}: format {record['format']} found, this version reads {FORMAT}")
    names, unseen, features = tuple(record["classes"]), np.array(record["unseen"], bool), record["features"]
    if len(names) != len(unseen) or not 0 < features < 2**31:
        raise InputError(f"{path}: not {what} ({len(names)} classes, {len(unseen)} of unseen, {features} features)")
    factor = float(record["factor"])
    transform, head = Transform(np.zeros(features, np.float32), np.ones(features, np.float32)), None
    if (folder / HEAD).exists():
        entries = _entries(folder / HEAD)
        head = head_of(entries, folder / HEAD)
        transform = Transform(entries["low"], entries["span"])
    scores = _program(folder / SCORES)
    return Classifies(
        names,
        transform,
        lambda x: np.asarray(scores(np.asarray(x, np.float32))),
        head,
        np.where(unseen, np.float32(factor), np.float32(0)),
        factor,
        _program(folder / CLASS) if (folder / CLASS).exists() else None,
        record["semantics"],
    )


def _entries(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        if missing := {"kind", "low", "span", "bonus"} - set(found):
            raise ValueError(f"{sorted(missing)[0]}: missing")
        return found
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not the head of a model ({' '.join(str(error).split())[:200]})") from error


def _program(path: Path) -> Callable[..., Any]:
    try:
        return jax.export.deserialize(bytearray(path.read_bytes())).call
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not a program ({' '.join(str(error).split())[:200]})") from error
