"""Class semantics from a separate file, instead of those of the source."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from jzsl.data.encoded import EncodedProblem
from jzsl.data.formats.arrays import read_entries
from jzsl.errors import InputError
from jzsl.problem.problem import Problem

Described = TypeVar("Described", Problem, EncodedProblem)


def described(problem: Described, path: Path) -> Described:
    """The problem with the semantics of a file, matched by class names.

    Args:
        problem: the data.
        path: .npz with `semantics` float[c, a] and `class_names`, such as `jzsl semantics` writes; it may hold more
            classes than the problem has.

    Raises:
        InputError: naming the file, and the entry or the class that is missing.
    """
    entries = read_entries(path)
    for key in ("semantics", "class_names"):
        if key not in entries:
            raise InputError(f"{path}: {key}: missing; found {', '.join(sorted(entries)) or 'nothing'}")
    semantics, names = entries["semantics"], [str(name) for name in entries["class_names"].ravel()]
    if semantics.ndim != 2 or len(semantics) != len(names):
        raise InputError(
            f"{path}: semantics: shape {semantics.shape} found for {len(names)} class_names, expected one row per class"
        )
    position = {name: number for number, name in enumerate(names)}
    missing = [name for name in problem.class_names if name not in position]
    if missing:
        raise InputError(
            f"{path}: class_names: {missing[0]!r} is missing, and {len(missing) - 1} more of {len(problem.class_names)}"
        )
    matched = np.asarray(semantics)[[position[name] for name in problem.class_names]]
    model = str(entries["model"]) if "model" in entries else "unknown"
    provenance = problem.provenance._replace(semantics=f"{path.name} by {model}", attributes=())
    return replace(problem, semantics=matched, provenance=provenance)
