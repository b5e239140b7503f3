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

from dataclasses import dataclass
from pathlib import Path

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
        entries = read_entries(self.path)

        def required(key: str) -> np.ndarray:
            if key not in entries:
                raise InputError(f"{self.path}: {key}: missing; found {', '.join(sorted(entries)) or 'nothing'}")
            return entries[key]

        def index(key: str) -> np.ndarray:
            array = required(key)
            if not np.issubdtype(array.dtype, np.integer):
                raise InputError(f"{self.path}: {key}: {array.dtype} found, expected integers")
            return array.astype(np.int64)

        def optional(key: str) -> np.ndarray:
            return index(key) if key in entries else NONE

        samples, notes = samples_of(entries, self.path), []
        labelled = {"labels", "train", "test_seen", "test_unseen"} & set(entries)
        labels = index("labels") if labelled else np.full(samples.shape[:1] or 0, UNLABELLED)
        wrong = np.flatnonzero(labels < UNLABELLED)
        if len(wrong):
            raise InputError(
                f"{self.path}: labels: sample {wrong[0]} has label {labels.flat[wrong[0]]}, expected the index of a "
                "class, from 0, or -1 for none"
            )
        train = index("train") if (labels != UNLABELLED).any() else optional("train")
        test_seen, unlabelled = optional("test_seen"), optional("unlabelled")
        if "unlabelled" not in entries:
            listed = np.union1d(np.union1d(train, test_seen), optional("test_unseen"))
            unlabelled = np.setdiff1d(np.flatnonzero(labels == UNLABELLED), listed)
        has_others = len(test_seen) > 0 or len(unlabelled) > 0
        test_unseen = optional("test_unseen") if has_others else index("test_unseen")
        classes = int(labels.max(initial=-1)) + 1
        if "semantics" in entries:
            semantics = np.asarray(entries["semantics"])
            classes = len(semantics) if semantics.ndim else 0
        elif samples.dtype == np.uint8 or len(unlabelled) or (labels == UNLABELLED).any():
            semantics = None
        elif not len(test_unseen):
            semantics = np.eye(classes)
            notes.append("no semantics: one-hot vectors instead")
        else:
            semantics = required("semantics")
        if "class_names" in entries:
            names = texts_of(self.path, "class_names", entries["class_names"])
        else:
            names = tuple(f"class {number}" for number in range(classes))
            if classes:
                notes.append("no class_names: classes are numbered")
        _check_index(self.path, "train", train, len(labels))
        if "validation_classes" in entries:
            validation = index("validation_classes")
        else:
            validation, how = validation_classes(np.unique(labels[train]))
            notes.append(f"no validation_classes: {how}")
        rest = train[~np.isin(labels[train], validation)]
        validation_seen = index("validation_seen") if "validation_seen" in entries else None
        return Problem(
            samples=samples,
            labels=labels,
            semantics=semantics,
            class_names=names,
            splits=Splits(
                train,
                test_seen,
                test_unseen,
                validation,
                holdout_samples(rest, labels, 0.2) if validation_seen is None else validation_seen,
                unlabelled,
            ),
            provenance=Provenance(
                self.path.stem,
                "images" if samples.dtype == np.uint8 else "features",
                "none" if semantics is None else "semantics",
                str(self.path),
                tuple(notes),
                self.backbone,
            ),
            observed=_observed(self.path, entries["observed"]) if "observed" in entries else None,
            domains=index("domains") if "domains" in entries else None,
            domain_names=texts_of(self.path, "domain_names", required("domain_names")) if "domains" in entries else (),
        )


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
