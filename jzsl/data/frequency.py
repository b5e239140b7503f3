"""How often people recognise each sample, from files that hold shares of them or their votes."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from jzsl.data.formats.arrays import read_entries
from jzsl.errors import InputError
from jzsl.problem.problem import Problem


def read_frequency(path: Path, problem: Problem) -> Float[np.ndarray, " n"]:
    """The share of votes for each sample's class, in [0, 1]; NaN where it was not measured.

    Args:
        path: a .npy file of one of two shapes, which is not unpickled. One number from 0 to 1 for each sample of the
            problem; or votes, a row for each test sample in the order of the problem's samples and a column for each
            class, as counts or shares: CIFAR-10H's `cifar10h-counts.npy` and `cifar10h-probs.npy` (Peterson et al.
            2019) are of this kind. The frequency is then the row's share in the column of the true class.
        problem: with all of its test samples.

    Raises:
        InputError: naming the file, what was found and what was expected; also where the most frequent vote is the true
            class for fewer than half of the test samples, for votes in another order look like that.
    """
    splits = problem.splits
    test = np.sort(np.concatenate([splits.test_seen, splits.test_unseen]))
    shapes = {"one": (len(problem.samples),), "votes": (len(test), len(problem.class_names))}
    values = np.asarray(read_entries(path)["features"]) if path.suffix.lower() == ".npy" else None
    if values is None or values.shape not in shapes.values() or values.dtype.kind not in "iuf":
        shown = "another kind of file" if values is None else f"{values.dtype} of shape {values.shape}"
        raise InputError(
            f"{path}: {shown} found, expected a .npy file of {shapes['one'][0]} numbers from 0 to 1, one per sample, "
            f"or of votes, {shapes['votes'][0]} test samples x {shapes['votes'][1]} classes"
        )
    values = values.astype(np.float64)
    if values.ndim == 1:
        wrong = np.flatnonzero(~((values >= 0) & (values <= 1)))
        if len(wrong):
            raise InputError(f"{path}: sample {wrong[0]}: {values[wrong[0]]} found, expected numbers from 0 to 1")
        return values
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)).all(1) | ~(values.sum(1) > 0))
    if len(wrong):
        raise InputError(f"{path}: row {wrong[0]}: {values[wrong[0]]} found, expected votes, none below 0, some above")
    labels = problem.labels[test]
    agreed = float(np.mean(values.argmax(1) == labels))
    if agreed < 0.5:
        raise InputError(
            f"{path}: the most frequent vote is the true class for {agreed:.0%} of the test samples, expected most of "
            f"them: rows must be in the order of the data's test samples, columns in that of its classes "
            f"({', '.join(problem.class_names[:3])}, ...)"
        )
    frequency = np.full(len(problem.samples), np.nan)
    frequency[test] = values[np.arange(len(test)), labels] / values.sum(1)
    return frequency
