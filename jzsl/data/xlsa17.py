"""The layout of the published benchmarks ("xlsa17", Xian et al. 2017): a pair of .mat files in a folder.

FEATURES.mat holds `features` (d x n) and `labels` (n x 1, from 1); SPLITS.mat holds the class semantics
`att` (a x c), names and indices of samples from 1. In the published files `train_loc` and `val_loc` together also
contain every test sample of seen classes, so both are intersected with `trainval_loc` (protocol, rule 3). A label of 0
or -1 says that the sample has none: those in no split are samples to learn from without labels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from jzsl.data.feature_record import read_feature_record, record_path
from jzsl.data.formats.mat import MatFile
from jzsl.data.holdout import holdout_samples, validation_classes
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance, Splits
from jzsl.types import UNLABELLED


@dataclass(frozen=True)
class Xlsa17:
    """A folder of the xlsa17 layout."""

    root: Path = Path("data")
    """folder that holds both .mat files"""
    features: str = "res101"
    """name of the file with features and labels, without .mat"""
    splits: str = "att_splits"
    """name of the file with splits and semantics, without .mat"""
    semantics: Literal["att", "original_att"] = "att"
    """key of the class semantics: att (scaled to unit length in the published files) or original_att (raw)"""
    backbone: Backbone = Backbone.unstated
    """whether the network that made the features was trained on the unseen classes; results record it. Where it is not
    stated, the record counts that `jzsl features` writes beside its features"""

    def load(self) -> Problem:
        """The problem.

        Raises:
            InputError: naming the file and the key.
        """
        feature_path, split_path = files_of(self.root, self.features, self.splits)
        feature_file = MatFile(feature_path)
        features = feature_file.numeric("features").T
        published = read_splits(split_path, self.semantics)
        labels = read_labels(feature_file, published, split_path)
        if features.ndim != 2 or len(features) != len(labels):
            raise InputError(
                f"{feature_path}: features: shape {features.T.shape} disagrees with {len(labels)} labels; "
                "expected one column per label"
            )
        splits, notes = splits_of(published, labels, split_path)
        record = read_feature_record(record_path(feature_path), features.shape)
        backbone = record.backbone if record and self.backbone == Backbone.unstated else self.backbone
        return Problem(
            samples=features,
            labels=labels,
            semantics=published.semantics,
            class_names=published.class_names,
            splits=splits,
            provenance=Provenance(
                name=self.root.resolve().name,
                features=self.features,
                semantics=f"{self.splits}: {self.semantics}",
                origin=f"{feature_path} and {split_path}",
                notes=notes,
                backbone=backbone,
                extraction=None if record is None else record.extraction,
                attributes=published.attributes,
            ),
        )


def files_of(root: Path, features: str, splits: str) -> tuple[Path, Path]:
    """The paths of both files; raises an InputError if there is no such folder."""
    if not root.is_dir():
        raise InputError(f"root: {root}: no such folder, expected the one that holds the .mat files")
    return root / f"{features}.mat", root / f"{splits}.mat"


class PublishedSplits(NamedTuple):
    """A split file with indices from 0. `train` and `val` are None where the file lacks them; `attributes` name the
    semantic dimensions, where the file has them."""

    semantics: np.ndarray
    class_names: tuple[str, ...]
    trainval: np.ndarray
    test_seen: np.ndarray
    test_unseen: np.ndarray
    train: np.ndarray | None
    val: np.ndarray | None
    notes: tuple[str, ...]
    attributes: tuple[str, ...] = ()


def read_splits(path: Path, semantics: str = "att") -> PublishedSplits:
    """Reads SPLITS.mat; samples of `train_loc` and `val_loc` that are test samples are taken out.

    Raises:
        InputError: naming the file and the key.
    """
    file = MatFile(path)
    attributes = file.numeric(semantics).T.astype(np.float64)
    notes = []

    def indices(key: str) -> np.ndarray:
        numbers = file.numeric(key).ravel()
        if not np.array_equal(numbers, np.round(numbers)):
            raise InputError(f"{path}: {key}: found fractions, expected numbers of samples from 1")
        numbers = numbers.astype(np.int64)
        if len(numbers) and numbers.min() < 1:
            raise InputError(f"{path}: {key}: sample {numbers.min()} found, expected numbers from 1")
        return numbers - 1

    trainval = indices("trainval_loc")
    cleaned: dict[str, np.ndarray | None] = {"train_loc": None, "val_loc": None}
    for key in cleaned.keys() & file.keys:
        cleaned[key] = np.intersect1d(indices(key), trainval)
    if cleaned["train_loc"] is not None and cleaned["val_loc"] is not None:
        listed = np.union1d(indices("train_loc"), indices("val_loc"))
        leaked = len(np.setdiff1d(listed, trainval))
        if leaked:
            notes.append(f"train_loc and val_loc held {leaked} samples outside trainval_loc: taken out")
    if "allclasses_names" in file.keys:
        names = tuple(file.strings("allclasses_names"))
    else:
        names = tuple(f"class {number}" for number in range(1, len(attributes) + 1))
        notes.append("no allclasses_names: classes are numbered")
    return PublishedSplits(
        attributes,
        names,
        trainval,
        indices("test_seen_loc"),
        indices("test_unseen_loc"),
        cleaned["train_loc"],
        cleaned["val_loc"],
        tuple(notes),
        tuple(file.strings("attribute_names")) if "attribute_names" in file.keys else (),
    )


def read_labels(file: MatFile, published: PublishedSplits, split_path: Path) -> Int[np.ndarray, " n"]:
    """The labels of FEATURES.mat, from 0; UNLABELLED for a sample that has none.

    Args:
        file: FEATURES.mat.
        published: the splits, whose classes these must be.
        split_path: where they are from, for messages.

    Raises:
        InputError: naming the file and the sample.
    """
    labels = file.numeric("labels").ravel()
    if not np.array_equal(labels, np.round(labels)):
        raise InputError(f"{file.path}: labels: found fractions, expected integers from 1")
    labels = np.where((labels == 0) | (labels == -1), UNLABELLED, labels - 1).astype(np.int64)
    wrong = np.flatnonzero((labels != UNLABELLED) & ((labels < 0) | (labels >= len(published.semantics))))
    if len(wrong):
        raise InputError(
            f"{file.path}: labels: sample {wrong[0] + 1} has label {labels[wrong[0]] + 1}, "
            f"expected 1 to {len(published.semantics)}, the classes of {split_path}, or 0 for none"
        )
    return labels


def splits_of(published: PublishedSplits, labels: Int[np.ndarray, " n"], path: Path) -> tuple[Splits, tuple[str, ...]]:
    """The splits of a problem with these labels, and notes on them.

    Raises:
        InputError: naming `path`, the file of the splits, if they have samples without labels.
    """
    for key, index in (
        ("trainval_loc", published.trainval),
        ("test_seen_loc", published.test_seen),
        ("test_unseen_loc", published.test_unseen),
    ):
        if len(index) and index.max() >= len(labels):
            raise InputError(f"{path}: {key}: sample {index.max() + 1} found, but there are {len(labels)} samples")
        unknown = index[labels[index] == UNLABELLED]
        if len(unknown):
            raise InputError(f"{path}: {key}: sample {unknown[0] + 1} found, which has no label")
    classes, notes = _validation_classes(published, labels)
    rest = published.trainval[~np.isin(labels[published.trainval], classes)]
    listed = np.concatenate([published.trainval, published.test_seen, published.test_unseen])
    splits = Splits(
        train=published.trainval,
        test_seen=published.test_seen,
        test_unseen=published.test_unseen,
        validation_classes=classes,
        validation_seen=holdout_samples(rest, labels, 0.2),
        unlabelled=np.setdiff1d(np.flatnonzero(labels == UNLABELLED), listed),
    )
    return splits, (*published.notes, *notes)


def _validation_classes(splits: PublishedSplits, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The published validation classes, or fixed random ones where the file has fewer than two."""
    if splits.val is not None and len(splits.val):
        classes = np.unique(labels[splits.val])
        if splits.train is not None:
            classes = np.setdiff1d(classes, labels[splits.train])
        if len(classes) > 1:
            return classes, ()
    classes, how = validation_classes(np.unique(labels[splits.trainval]))
    return classes, (f"fewer than two validation classes in the file: {how}",)
