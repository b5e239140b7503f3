"""The result of an extraction: a folder of the xlsa17 layout, with the record of how its features were made."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from jzsl.data.encoded import EncodedProblem
from jzsl.data.feature_record import FeatureRecord, record_path
from jzsl.data.formats.write_mat import write_mat
from jzsl.errors import InputError

SPLITS = "att_splits"


def write_feature_folder(
    folder: Path,
    features: Float[np.ndarray, "n d"],
    image_files: Sequence[str],
    problem: EncodedProblem | None,
    record: FeatureRecord,
) -> list[str]:
    """Writes NETWORK.mat, NETWORK.extraction.json, and the splits where there are labels; returns the files' names. A
    sample without a label has the label 0.

    Where the problem has no class semantics, `att` has one dimension per class, so that the folder is complete;
    `--semantics` of a run replaces them.

    Args:
        folder: that exists.
        features: of the pictures.
        image_files: name of each picture.
        problem: labels, classes and splits; None: the pictures have no labels.
        record: how the features were made.

    Raises:
        WriteError: if a file cannot be written.
    """
    name = record.extraction.network
    assert name is not None
    path = folder / f"{name}.mat"
    files = [path.name, record_path(path).name]
    entries: dict[str, np.ndarray | Sequence[str]] = {"features": features.T, "image_files": image_files}
    if problem is not None and problem.class_names:
        entries["labels"] = problem.labels[:, None] + 1.0
        write_mat(folder / f"{SPLITS}.mat", split_entries(problem))
        files.insert(1, f"{SPLITS}.mat")
    write_mat(path, entries)
    record.write(record_path(path))
    return files


def split_entries(problem: EncodedProblem) -> dict[str, np.ndarray | Sequence[str]]:
    """What a split file of the xlsa17 layout holds, indices from 1."""
    splits, classes = problem.splits, len(problem.class_names)
    semantics = np.eye(classes) if problem.semantics is None else problem.semantics
    validation = np.isin(problem.labels[splits.train], splits.validation_classes)

    def column(indices: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m 1"]:
        return indices[:, None] + 1.0

    return {
        "att": semantics.T,
        "allclasses_names": problem.class_names,
        "trainval_loc": column(splits.train),
        "train_loc": column(splits.train[~validation]),
        "val_loc": column(splits.train[validation]),
        "test_seen_loc": column(splits.test_seen),
        "test_unseen_loc": column(splits.test_unseen),
    }


def require_new(folder: Path, resume: bool) -> None:
    """Raises an InputError if the folder is there and is not to be resumed."""
    if folder.exists() and not resume:
        raise InputError(f"{folder}: exists already; choose another --out, or --resume the extraction in it")
