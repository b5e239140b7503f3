"""Pictures as the bytes of their files in one .npz, with these entries.

jpeg            uint8[b], all files one after another (JPEG, PNG or WebP)
offsets         int[n + 1]: picture i is jpeg[offsets[i]:offsets[i + 1]]
labels          int[n], index into class_names, from 0
class_names     strings
is_test         bool[n] (optional): the test split
domains, domain_names    int[n], strings (optional)

A split file of the xlsa17 layout beside it, with class semantics, makes its pictures a zero-shot problem.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from jzsl.data.decoding import Encoded, Storage
from jzsl.data.encoded import EncodedProblem
from jzsl.data.formats.arrays import read_entries, texts_of
from jzsl.data.formats.picture import Reading
from jzsl.data.image_splits import domain_split, image_splits
from jzsl.data.xlsa17 import PublishedSplits, read_splits, splits_of
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance
from jzsl.problem.splits import NONE, Splits

_ENTRY = "jpeg"


@dataclass(frozen=True)
class ImageBytes:
    """Pictures as the bytes of their files in one .npz."""

    path: Path = Path("images.npz")
    """the file"""
    reading: Reading = Reading()
    storage: Storage = Storage()
    splits: str | None = "att_splits"
    """name of a split file in the same folder, without .mat, used where it is there; None: none is used"""
    semantics: Literal["att", "original_att"] = "att"
    """its key of the class semantics"""
    test: float = 0.2
    """share of each class's pictures to test on, where neither is_test nor a split file says which"""
    target: str | None = None
    """domain whose pictures are the test samples"""
    sources: tuple[str, ...] | None = None
    """domains whose pictures are for training; None: all but the target. Those of other domains are left out"""

    def encoded(self) -> EncodedProblem:
        """The problem before it is decoded.

        Raises:
            InputError: naming the file and the entry.
        """
        if self.path.suffix.lower() != ".npz":
            raise InputError(f"{self.path}: expected an .npz file")
        entries = read_entries(self.path)
        images, labels = encoded_entries(self.path, entries), _integers(self.path, entries, "labels")
        if labels.shape != (len(images.names),):
            raise InputError(f"{self.path}: labels: shape {labels.shape} found for {len(images.names)} pictures")
        class_names = texts_of(self.path, "class_names", _required(self.path, entries, "class_names"))
        wrong = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
        if len(wrong):
            raise InputError(
                f"{self.path}: labels: picture {wrong[0]} has label {labels[wrong[0]]}, "
                f"expected 0 to {len(class_names) - 1}"
            )
        domains, domain_names = None, ()
        if "domains" in entries:
            domains = _integers(self.path, entries, "domains")
            if domains.shape != labels.shape:
                raise InputError(f"{self.path}: domains: shape {domains.shape} found for {len(labels)} pictures")
            domain_names = texts_of(self.path, "domain_names", _required(self.path, entries, "domain_names"))
        published, splits, notes = self._splits(entries, labels, class_names, domains, domain_names)
        return EncodedProblem(
            images,
            labels,
            None if published is None else published.semantics,
            class_names,
            splits,
            Provenance(
                self.path.resolve().parent.name,
                "pictures",
                "none" if published is None else f"{self.splits}: {self.semantics}",
                str(self.path),
                notes,
                Backbone.none,
                attributes=() if published is None else published.attributes,
            ),
            domains=domains,
            domain_names=domain_names,
        )

    def load(self) -> Problem:
        """The problem, of images uint8[n, h, w, c].

        Raises:
            InputError: naming the file and the entry, or every picture that cannot be decoded.
        """
        return self.encoded().decoded(self.reading, self.storage)

    def _splits(
        self,
        entries: Mapping[str, np.ndarray],
        labels: np.ndarray,
        names: tuple[str, ...],
        domains: np.ndarray | None,
        domain_names: tuple[str, ...],
    ) -> tuple[PublishedSplits | None, Splits, tuple[str, ...]]:
        """The split file with its class semantics, where it is used, splits, and notes on them."""
        path = None if self.splits is None else self.path.with_name(f"{self.splits}.mat")
        if path is not None and path.exists() and self.target is None:
            published = read_splits(path, self.semantics)
            if published.class_names != names:
                raise InputError(f"{path}: allclasses_names: other classes than the class_names of {self.path}")
            return published, *splits_of(published, labels, path)
        test = entries.get("is_test")
        if test is not None and (test.shape != labels.shape or test.dtype != bool):
            raise InputError(
                f"{self.path}: is_test: {test.dtype} array of shape {test.shape}, expected bool per picture"
            )
        of_domain = domain_split(labels if domains is None else domains, domain_names, self.target, self.sources)
        if self.target is not None:
            test = of_domain.test
        return None, *image_splits(labels, NONE, test, None, self.test, of_domain.used)


def holds_pictures(path: Path) -> bool:
    """Whether an .npz file holds pictures rather than arrays; False where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as file:
            return f"{_ENTRY}.npy" in file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def encoded_entries(path: Path, entries: Mapping[str, np.ndarray]) -> Encoded:
    """The pictures of a file with `jpeg` and `offsets`; raises an InputError that names the entry."""
    content, offsets = _required(path, entries, _ENTRY), _integers(path, entries, "offsets")
    if content.dtype != np.uint8 or content.ndim != 1:
        raise InputError(f"{path}: {_ENTRY}: {content.dtype} array of shape {content.shape}, expected uint8 bytes")
    if offsets.ndim != 1 or len(offsets) < 2 or offsets[0] < 0 or offsets[-1] > len(content):
        raise InputError(f"{path}: offsets: expected numbers from 0 to {len(content)}, one more than pictures")
    if (np.diff(offsets) < 0).any():
        where = int(np.flatnonzero(np.diff(offsets) < 0)[0])
        raise InputError(f"{path}: offsets: picture {where} ends before it begins")
    about = path.stat()
    file = f"{path.resolve()} {about.st_size} {about.st_mtime_ns}"
    names = tuple(f"{path.name}[{number}]" for number in range(len(offsets) - 1))
    marks = tuple(f"{file} {number}" for number in range(len(names)))
    return Encoded(names, lambda number: content[offsets[number] : offsets[number + 1]].tobytes(), marks)


def _required(path: Path, entries: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    if key not in entries:
        raise InputError(f"{path}: {key}: missing; found {', '.join(sorted(entries)) or 'nothing'}")
    return entries[key]


def _integers(path: Path, entries: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    array = _required(path, entries, key)
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{path}: {key}: {array.dtype} found, expected integers")
    return array.astype(np.int64)
