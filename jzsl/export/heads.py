"""Linear and neighbour heads in NumPy: their scores, their concatenation, and their files."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jzsl.errors import InputError
from jzsl.types import Head, LinearHead, NeighbourHead

_QUERIES = 256


def unit(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Rows of unit length; zeros stay."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0)


def scores_of(head: Head, x: Float[np.ndarray, "n d"], classes: int) -> Float[np.ndarray, "n k"]:
    """The scores of transformed samples, one column per class."""
    if isinstance(head, LinearHead):
        return (unit(x) if head.unit_rows else x) @ head.weight + head.bias
    chunks = np.split(x, range(_QUERIES, len(x), _QUERIES))
    return np.concatenate([_votes(head, chunk, classes) for chunk in chunks])


def _votes(head: NeighbourHead, x: Float[np.ndarray, "n d"], classes: int) -> Float[np.ndarray, "n k"]:
    voters = np.flatnonzero((head.w > 0) & (head.column >= 0))
    similarity = unit(x) @ head.x[voters].T
    nearest = np.argsort(-similarity, 1, kind="stable")[:, : head.neighbours]
    weight, column = head.w[voters][nearest], head.column[voters][nearest]
    earlier = np.cumsum(weight, 1) - weight
    cast = np.clip(head.neighbours - earlier, 0, weight)
    closeness = np.take_along_axis(similarity, nearest, 1) / (2 * head.neighbours + 1)
    votes = np.zeros((len(x), classes))
    np.add.at(votes, (np.arange(len(x))[:, None], column), cast * (1 + closeness))
    return np.log1p(votes).astype(np.float32)


def joined(head: Head, more: Head, classes: int) -> Head:
    """A head of `classes` classes, followed by those of another head.

    Raises:
        InputError: if the classes of either were trained together.
    """
    if isinstance(head, LinearHead) and isinstance(more, LinearHead):
        if head.joint or more.joint:
            raise InputError("this model's softmax was trained on all its classes together, so none can be added")
        if head.centre is not None and more.centre is not None:
            more = _from_centre(more, np.asarray(head.centre))
        weight = np.concatenate([head.weight, more.weight], 1)
        return head._replace(weight=weight, bias=np.concatenate([head.bias, more.bias]))
    assert isinstance(head, NeighbourHead)
    assert isinstance(more, NeighbourHead)
    column = np.where(more.column < 0, -1, more.column + classes)
    return head._replace(
        x=np.concatenate([head.x, more.x]),
        column=np.concatenate([head.column, column]),
        w=np.concatenate([head.w, more.w]),
    )


def _from_centre(head: LinearHead, centre: Float[np.ndarray, " d"]) -> LinearHead:
    """The same nearest prototypes, measured from another centre."""
    weight = np.asarray(head.weight + (np.asarray(head.centre) - centre)[:, None])
    bias = np.where(np.isneginf(head.bias), -np.inf, -centre @ weight - np.sum(weight**2, 0) / 2)
    return head._replace(weight=weight, bias=bias.astype(weight.dtype), centre=centre)


def entries_of(head: Head) -> dict[str, Any]:
    """What a file holds of a head: `kind`, and its fields."""
    kind = "linear" if isinstance(head, LinearHead) else "neighbours"
    return {"kind": kind, **{name: np.asarray(value) for name, value in head._asdict().items() if value is not None}}


def head_of(entries: dict[str, np.ndarray], path: Path) -> Head:
    """The inverse of `entries_of`.

    Raises:
        InputError: naming the file and what is wrong in it.
    """
    try:
        if str(entries["kind"]) == "linear":
            unit_rows, joint = (bool(entries[name]) for name in ("unit_rows", "joint"))
            return LinearHead(entries["weight"], entries["bias"], unit_rows, joint, entries.get("centre"))
        return NeighbourHead(entries["x"], entries["column"], entries["w"], int(entries["neighbours"]))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not the head of a model ({error})") from error
