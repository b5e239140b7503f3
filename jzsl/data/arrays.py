"""Plain arrays: one .npz or .h5 file, or a folder of .npy files, with these entries.

features        float[n, *s], usually float[n, d]; or
images          uint8[n, h, w, c]
labels          int[n], index into the class table, from 0; -1 for samples of `unlabelled` whose class is unknown
                (optional: without it, and any index below but `unlabelled`, no sample has a label)
semantics       float[c, a] (optional where no class is unseen, for images, and with `unlabelled`)
train           int, indices of samples from 0 (optional where no sample has a label)
test_unseen     int, indices (optional where test_seen has samples: these are then of another domain; or with
                `unlabelled`)
test_seen       int, indices (optional: without it there is no generalized task)
unlabelled      int, indices of further samples to learn from without labels (optional: without it, those that have no
                label and are in no other split)
class_names     strings (optional)
observed        bool[n, *s], or numbers 0 and 1 (optional)
domains, domain_names                 int[n], strings (optional)
validation_classes, validation_seen   int (optional: a fixed random fifth)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jzsl.data.formats.arrays import read_entries, samples_of, texts_of
from jzsl.data.holdout import holdout_samples, validation_classes
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance
from jzsl.problem.splits import NONE, Splits
from jzsl.types import UNLABELLED


@dataclass(frozen=True)
class Arrays:
    """Plain arrays in an .npz or .h5 file, or in a folder of .npy files."""

    path: Path = Path("data.npz")
    """the file or folder"""
    backbone: Backbone = Backbone.unstated
    """whether the network that made the features was trained on the unseen classes; results record it"""

    def load(self) -> Problem:
        """The problem.

        Raises:
            InputError: naming the file and the entry.
        """
        entries = Entries(self.path, read_entries(self.path))
        samples, notes = samples_of(entries.arrays, self.path), []
        labels = _labels(entries, samples.shape[:1] or 0)
        train, test_seen, test_unseen, unlabelled = _samples_of_splits(entries, labels)
        classes = int(labels.max(initial=UNLABELLED)) + 1
        if "semantics" in entries.arrays:
            semantics = np.asarray(entries.arrays["semantics"])
            classes = len(semantics) if semantics.ndim else 0
        elif samples.dtype == np.uint8 or len(unlabelled) or (labels == UNLABELLED).any():
            semantics = None
        elif not len(test_unseen):
            semantics = np.eye(classes)
            notes.append("no semantics: one-hot vectors instead")
        else:
            semantics = entries.required("semantics")
        if "class_names" in entries.arrays:
            names = texts_of(self.path, "class_names", entries.arrays["class_names"])
        else:
            names = tuple(f"class {number}" for number in range(classes))
            if classes:
                notes.append("no class_names: classes are numbered")
        _check_index(self.path, "train", train, len(labels))
        if "validation_classes" in entries.arrays:
            validation = entries.integers("validation_classes")
        else:
            validation, how = validation_classes(np.unique(labels[train]))
            notes.append(f"no validation_classes: {how}")
        rest = train[~np.isin(labels[train], validation)]
        chosen = "validation_seen" in entries.arrays
        validation_seen = entries.integers("validation_seen") if chosen else holdout_samples(rest, labels, 0.2)
        observed, domains = entries.arrays.get("observed"), "domains" in entries.arrays
        return Problem(
            samples=samples,
            labels=labels,
            semantics=semantics,
            class_names=names,
            splits=Splits(train, test_seen, test_unseen, validation, validation_seen, unlabelled),
            provenance=Provenance(
                self.path.stem,
                "images" if samples.dtype == np.uint8 else "features",
                "none" if semantics is None else "semantics",
                str(self.path),
                tuple(notes),
                self.backbone,
            ),
            observed=None if observed is None else _observed(self.path, observed),
            domains=entries.integers("domains") if domains else None,
            domain_names=texts_of(self.path, "domain_names", entries.required("domain_names")) if domains else (),
        )


class Entries(NamedTuple):
    """The arrays of a file by their names."""

    path: Path
    arrays: Mapping[str, np.ndarray]

    def required(self, key: str) -> np.ndarray:
        """An entry; an InputError where there is none."""
        if key not in self.arrays:
            raise InputError(f"{self.path}: {key}: missing; found {', '.join(sorted(self.arrays)) or 'nothing'}")
        return self.arrays[key]

    def integers(self, key: str) -> np.ndarray:
        """An entry of integers; an InputError where there is none."""
        array = self.required(key)
        if not np.issubdtype(array.dtype, np.integer):
            raise InputError(f"{self.path}: {key}: {array.dtype} found, expected integers")
        return array.astype(np.int64)

    def optional(self, key: str) -> np.ndarray:
        """An entry of integers, empty where there is none."""
        return self.integers(key) if key in self.arrays else NONE


def _labels(entries: Entries, count: tuple[int, ...] | int) -> np.ndarray:
    """The labels; none is known where neither they nor splits that need them are given.

    Raises:
        InputError: naming the first label below -1, or the entry where it is needed.
    """
    needed = {"labels", "train", "test_seen", "test_unseen"} & set(entries.arrays)
    labels = entries.integers("labels") if needed else np.full(count, UNLABELLED)
    wrong = np.flatnonzero(labels < UNLABELLED)
    if len(wrong):
        raise InputError(
            f"{entries.path}: labels: sample {wrong[0]} has label {labels.flat[wrong[0]]}, expected the index of a "
            "class, from 0, or -1 for none"
        )
    return labels


def _samples_of_splits(entries: Entries, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The samples of `train`, `test_seen`, `test_unseen` and `unlabelled`, which are optional as the module says."""
    train = entries.integers("train") if (labels != UNLABELLED).any() else entries.optional("train")
    test_seen, unlabelled = entries.optional("test_seen"), entries.optional("unlabelled")
    if "unlabelled" not in entries.arrays:
        listed = np.concatenate([train, test_seen, entries.optional("test_unseen")], axis=None)
        unlabelled = np.setdiff1d(np.flatnonzero(labels == UNLABELLED), listed)
    has_others = len(test_seen) > 0 or len(unlabelled) > 0
    test_unseen = entries.optional("test_unseen") if has_others else entries.integers("test_unseen")
    return train, test_seen, test_unseen, unlabelled


def _check_index(path: Path, key: str, index: np.ndarray, count: int) -> None:
    if index.ndim != 1 or (len(index) and not (index.min() >= 0 and index.max() < count)):
        raise InputError(f"{path}: {key}: expected a list of indices of samples from 0 to {count - 1}")


def _observed(path: Path, values: np.ndarray) -> np.ndarray:
    """Which entries were observed; a number that is neither 0 nor 1, such as NaN, would silently count as true."""
    if values.dtype == bool:
        return values
    if not np.issubdtype(values.dtype, np.number):
        raise InputError(f"{path}: observed: {values.dtype} found, expected bool")
    wrong = values[(values != 0) & (values != 1)]
    if len(wrong):
        raise InputError(f"{path}: observed: {wrong[0]} found, expected true and false, or 0 and 1")
    return values.astype(bool)
