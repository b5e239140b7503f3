"""A folder of class folders of pictures, the layout that most collections of photographs have.

    ROOT/CLASS/.../NAME.jpg
    ROOT/train/CLASS/..., ROOT/val/CLASS/..., ROOT/test/CLASS/...     where these folders are there and no others
    ROOT/DOMAIN/CLASS/...                                             with `domains`
    ROOT/unlabelled/...                                               beside these, but for domains

A class is seen if some of its pictures are training samples. One that has pictures in `test` alone is unseen, and so
are the classes that a file names. With a target, domains may be called train and validation, as in VisDA-2017. Pictures
in a folder `unlabelled` have no label; there may be no others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jzsl.data.decoding import Encoded, Storage
from jzsl.data.encoded import EncodedProblem
from jzsl.data.formats.picture import SUFFIXES, Reading, read_bytes
from jzsl.data.image_splits import domain_split, image_splits
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance
from jzsl.types import UNLABELLED

TRAIN, VALIDATION, TEST = ("train",), ("val", "valid", "validation"), ("test",)
_SPLITS = (*TRAIN, *VALIDATION, *TEST)
UNLABELLED_FOLDER = "unlabelled"
_MISTAKEN = (UNLABELLED_FOLDER, "unlabeled")
"""Names, in any case, that no class has."""


@dataclass(frozen=True)
class ImageFolder:
    """A folder of class folders of pictures (PNG, JPEG or WebP)."""

    root: Path = Path("photos")
    """the folder"""
    reading: Reading = Reading()
    storage: Storage = Storage()
    test: float = 0.2
    """share of each class's pictures to test on, where no folder `test` or `val` holds them"""
    unseen: Path | None = None
    """file with the name of one unseen class per line: none of its pictures are training samples"""
    domains: bool = False
    """whether the class folders lie in folders of domains"""
    target: str | None = None
    """domain whose pictures are the test samples"""
    sources: tuple[str, ...] | None = None
    """domains whose pictures are for training; None: all but the target. Those of other domains are left out"""

    def encoded(self) -> EncodedProblem:
        """The problem before it is decoded.

        Raises:
            InputError: naming the folder or the file.
        """
        if not self.root.is_dir():
            raise InputError(f"root: {self.root}: no such folder, expected the one that holds the class folders")
        for name in ("target", "sources"):
            if getattr(self, name) is not None and not self.domains:
                raise InputError(f"{name}: given, but without `domains` there are none")
        tops = _folders(self.root)
        apart = [] if self.domains else [top for top in tops if top.name == UNLABELLED_FOLDER]
        tops = [top for top in tops if top not in apart]
        split = {top.name for top in tops} <= set(_SPLITS) and any(_folders(top) for top in tops if top.name in TRAIN)
        if self.target is not None:
            split = False
        elif split and self.domains:
            raise InputError(f"{self.root}: folders of domains expected, found {', '.join(top.name for top in tops)}")
        nested = split or self.domains
        folders = [folder for top in tops for folder in _folders(top)] if nested else tops
        entries, ignored = [], []
        for folder in folders:
            entries += [Entry(path, folder.name, folder.parent.name) for path in _pictures(folder, ignored)]
        for top in tops if nested else [self.root]:
            ignored += _loose(top)
        for folder in folders:
            if folder.name.casefold() in _MISTAKEN and not self.domains:
                raise InputError(
                    f"{folder}: a class folder found; expected another name or, for pictures without a label, "
                    f"{self.root / UNLABELLED_FOLDER}"
                )
        for folder in apart:
            if not any(True for _ in _pictures(folder, [])):
                raise InputError(f"{folder}: no pictures found, expected some, of {_KINDS}, or no such folder")
            entries += [Entry(path, None, folder.name) for path in _pictures(folder, ignored)]
        if not entries:
            inside = "a folder with class folders in it" if nested else "a folder per class"
            raise InputError(f"{self.root}: no pictures in class folders found, expected {inside}, of {_KINDS}")
        class_names = _class_names(folders)
        number = {None: UNLABELLED} | {name: position for position, name in enumerate(class_names)}
        labels = np.array([number[entry.label] for entry in entries], np.int64)
        top_names = np.array([entry.top for entry in entries])
        domain_names = tuple(top.name for top in tops) if self.domains else ()
        domains = np.array([domain_names.index(name) for name in top_names], np.int64) if self.domains else None
        test = validation = None
        used = labels != UNLABELLED if apart else None
        if split:
            test, validation = _folder_splits(top_names)
        elif domains is not None:
            test, used = domain_split(domains, domain_names, self.target, self.sources)
        listed = _listed(self.unseen, class_names)
        splits, notes = image_splits(labels, listed, test, validation, self.test, used)
        splits = splits._replace(unlabelled=np.flatnonzero(labels == UNLABELLED))
        names = tuple(entry.path.relative_to(self.root).as_posix() for entry in entries)
        return EncodedProblem(
            encoded_files(self.root, names),
            labels,
            None,
            class_names,
            splits,
            Provenance(
                self.root.resolve().name,
                "pictures",
                "none",
                str(self.root),
                (*notes, *_ignored_note(ignored)),
                Backbone.none,
            ),
            domains=domains,
            domain_names=domain_names,
        )

    def load(self) -> Problem:
        """The problem, of images uint8[n, h, w, c].

        Raises:
            InputError: naming the folder, or every picture that cannot be decoded.
        """
        return self.encoded().decoded(self.reading, self.storage)


class Entry(NamedTuple):
    """A picture, the folder of its class, where it has one, and the folder that this lies in."""

    path: Path
    label: str | None
    top: str


_KINDS = ", ".join(SUFFIXES)


def is_flat(folder: Path) -> bool:
    """Whether a folder holds pictures, and no folders."""
    return folder.is_dir() and not _folders(folder) and any(path.suffix.lower() in SUFFIXES for path in _loose(folder))


def pictures_in(folder: Path) -> Encoded:
    """All pictures in a folder, in the order of their names, without labels.

    Raises:
        InputError: if there are none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    names = tuple(path.relative_to(folder).as_posix() for path in _pictures(folder, []))
    if not names:
        raise InputError(f"{folder}: no pictures found, expected {_KINDS}")
    return encoded_files(folder, names)


def encoded_files(folder: Path, names: tuple[str, ...]) -> Encoded:
    """The pictures of these names in a folder; the marks have size and time of each file."""
    where, marks = folder.resolve(), []
    for name in names:
        try:
            about = (folder / name).stat()
            marks.append(f"{where / name} {about.st_size} {about.st_mtime_ns}")
        except OSError:  # reading it says what is wrong
            marks.append(f"{where / name} missing")
    return Encoded(names, lambda number: read_bytes(folder / names[number]), tuple(marks))


def _class_names(folders: list[Path]) -> tuple[str, ...]:
    """Of these class folders, each once."""
    names = sorted({folder.name for folder in folders})
    for name in names:
        if not name.isprintable():
            raise InputError(f"class folder {name!r}: expected a name of printable characters in UTF-8")
    return tuple(names)


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, by name, hidden ones left out."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(folder: Path, ignored: list[Path]) -> Iterator[Path]:
    """The files of a folder and those inside it that are named as pictures are; others are added to `ignored`."""
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_dir():
            if path.is_symlink():  # not followed, as it may lead in a circle
                ignored.append(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path
        else:
            ignored.append(path)


def _loose(top: Path) -> list[Path]:
    """Files beside the class folders."""
    return sorted(path for path in top.iterdir() if not path.is_dir() and not path.name.startswith("."))


def _ignored_note(ignored: list[Path]) -> tuple[str, ...]:
    if not ignored:
        return ()
    more = f" and {len(ignored) - 1} more files" if len(ignored) > 1 else ""
    return (f"left out: {ignored[0]}{more}, outside class folders or not named {_KINDS}",)


def _folder_splits(tops: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Test and validation samples by the names of folders; where there is no `test`, `val` holds the test samples."""
    test, validation = np.isin(tops, TEST), np.isin(tops, VALIDATION)
    if test.any():
        return test, validation if validation.any() else None
    return validation if validation.any() else None, None


def _listed(path: Path | None, names: tuple[str, ...]) -> np.ndarray:
    """The classes that a file names, one per line."""
    if path is None:
        return np.zeros(0, np.int64)
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable list of class names ({error})") from error
    for line, name in enumerate(lines, 1):
        if name not in names:
            raise InputError(f"{path}: line {line}: {name!r} is no class folder")
    return np.unique([names.index(name) for name in lines]).astype(np.int64)
