"""A problem with some of its unseen classes only: those of a list, or the most or least populated ones.

ABP paper, section 5.4: 2-hop and 3-hop are lists of classes, M500 and L500 the 500 most and least populated.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class Subset:
    """Some of the unseen classes of a source; exactly one of `classes`, `most` and `least` says which."""

    data: SourceConfig
    classes: Path | None = None
    """file with one class name per line"""
    most: int | None = None
    """this many classes, those with the most samples"""
    least: int | None = None
    """this many classes, those with the fewest samples"""

    def __post_init__(self):
        given = [name for name in ("classes", "most", "least") if getattr(self, name) is not None]
        if len(given) != 1:
            names = " and ".join(given) or "none"
            raise InputError(f"subset: {names} given, expected exactly one of classes, most and least")
        for name in ("most", "least"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise InputError(f"subset.{name}: {count} found, expected at least 1")

    def load(self) -> Problem:
        """The problem.

        Raises:
            InputError: naming the file and the line, or the number of unseen classes.
        """
        problem = self.data.load()
        if self.classes is not None:
            return with_unseen(problem, named_classes(problem, self.classes), self.classes.stem)
        counts = np.bincount(problem.labels[problem.splits.test_unseen], minlength=len(problem.class_names))
        unseen = problem.unseen_classes
        count = self.most if self.most is not None else self.least
        assert count is not None  # one of the three is given
        if count > len(unseen):
            raise InputError(f"subset: {count} classes found, but the problem has {len(unseen)} unseen ones")
        order = unseen[np.argsort(counts[unseen] if self.least is not None else -counts[unseen], kind="stable")]
        return with_unseen(problem, order[:count], f"{'M' if self.most is not None else 'L'}{count}")


def named_classes(problem: Problem, path: Path) -> np.ndarray:
    """The unseen classes that a file names, one per line; empty lines are skipped."""
    try:
        names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable list of class names ({error})") from error
    if not names:
        raise InputError(f"{path}: no class names found")
    index = {name: number for number, name in enumerate(problem.class_names)}
    unseen = set(problem.unseen_classes.tolist())
    for number, name in enumerate(names, 1):
        if index.get(name) not in unseen:
            kind = "a seen class" if name in index else "no class of the problem"
            raise InputError(f"{path}: line {number}: {name!r} is {kind}, expected an unseen class")
    return np.unique([index[name] for name in names])


def with_unseen(problem: Problem, classes: np.ndarray, name: str) -> Problem:
    """The problem with the test samples of these unseen classes only; the seen ones stay."""
    indices = problem.splits.test_unseen
    kept = indices[np.isin(problem.labels[indices], classes)]
    provenance = problem.provenance._replace(name=f"{problem.provenance.name} ({name})")
    return replace(problem, splits=problem.splits._replace(test_unseen=kept), provenance=provenance)
