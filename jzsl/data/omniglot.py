"""Omniglot (Lake et al. 2015): handwritten characters of many alphabets, from the original zip files or folders.

    ROOT/SET.zip, or the folder ROOT/SET that was unpacked from it
    SET/ALPHABET/characterNN/NNNN_MM.png          drawing MM of a character, 105 x 105, one bit

SET is images_background, images_evaluation, images_background_small1 or images_background_small2. A class is a
character of an alphabet, such as Greek/character01. Drawings that several sets have count once. Nothing is unpacked
onto the disk.
"""

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from jzsl.data.decoding import Encoded, Storage
from jzsl.data.encoded import EncodedProblem
from jzsl.data.formats.picture import Reading, read_bytes
from jzsl.data.image_splits import image_splits
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance

SETS = ("images_background", "images_evaluation", "images_background_small1", "images_background_small2")
MOST_BYTES = 2**28
"""A zip file whose drawings claim more together is refused; the original ones have some hundred bytes each."""
_LAYOUT = re.compile(r"([^/]+)/(character\d+)/(\d+_\d+\.png)")


@dataclass(frozen=True)
class Omniglot:
    """Handwritten characters of many alphabets, some of them without labelled drawings."""

    root: Path = Path("omniglot")
    """the folder with the zip files or the folders that were unpacked from them"""
    unseen: tuple[str, ...] = ()
    """alphabets, or sets of alphabets, whose characters have no labelled drawings"""
    seen: tuple[str, ...] | None = None
    """those whose characters have; None: all others that are there. Further alphabets are left out"""
    reading: Reading = Reading(size=32, colours="grey")
    storage: Storage = Storage()
    test: float = 0.2
    """share of the drawings of each labelled character to test on"""

    def encoded(self) -> EncodedProblem:
        """The problem before it is decoded.

        Raises:
            InputError: naming the folder, the zip file and its member, or the alphabet.
        """
        drawings = _drawings(self.root)
        sets: dict[str, set[str]] = {}
        for drawing in drawings.values():
            for name in drawing.sets:
                sets.setdefault(name, set()).add(drawing.alphabet)
        unseen = self._alphabets("unseen", self.unseen, sets)
        everything = set.union(*sets.values())
        seen = everything - unseen if self.seen is None else self._alphabets("seen", self.seen, sets) - unseen
        if not seen and self.seen is not None:
            raise InputError(
                f"{self.root}: seen: {', '.join(self.seen) or 'none'} found, expected some alphabets beside `unseen`"
            )
        if not seen:
            raise InputError(f"{self.root}: unseen: every alphabet found, expected some others with labels")
        kept = [name for name in sorted(drawings) if drawings[name].alphabet in seen | unseen]
        classes = [name.rpartition("/")[0] for name in kept]
        class_names = tuple(sorted(set(classes)))
        position = {name: number for number, name in enumerate(class_names)}
        labels = np.array([position[name] for name in classes], np.int64)
        listed = [number for name, number in position.items() if name.partition("/")[0] in unseen]
        splits, notes = image_splits(labels, np.array(listed, np.int64), None, None, self.test)
        contents = [drawings[name].content for name in kept]
        marks = tuple(f"{name} {hashlib.sha256(drawings[name].content).hexdigest()}" for name in kept)
        alphabets = f"{len(seen)} labelled alphabets: {', '.join(sorted(seen))}"
        without = f"; without labels: {', '.join(sorted(unseen))}" if unseen else ""
        return EncodedProblem(
            Encoded(tuple(kept), lambda number: contents[number], marks),
            labels,
            None,
            class_names,
            splits,
            Provenance("omniglot", "drawings", "none", str(self.root), (alphabets + without, *notes), Backbone.none),
        )

    def load(self) -> Problem:
        """The problem, of images uint8[n, size, size, 1], black on white.

        Raises:
            InputError: as `encoded` does, or naming every drawing that cannot be decoded.
        """
        return self.encoded().decoded(self.reading, self.storage)

    def _alphabets(self, field: str, names: tuple[str, ...], sets: dict[str, set[str]]) -> set[str]:
        """The alphabets of these names and of the sets among them."""
        alphabets: set[str] = set()
        for name in names:
            if name not in sets and not any(name in members for members in sets.values()):
                known = ", ".join([*sorted(set.union(*sets.values())), *sorted(sets)])
                raise InputError(f"{self.root}: {field}: no alphabet {name!r}, expected some of {known}")
            alphabets |= sets.get(name, {name})
        return alphabets


class Drawing(NamedTuple):
    """A drawing.

    Attributes:
        alphabet: of its character.
        where: the file, or the zip file and its member, for messages.
        content: the bytes of its file.
        sets: that have it.
    """

    alphabet: str
    where: str
    content: bytes
    sets: tuple[str, ...]


def holds_omniglot(folder: Path) -> bool:
    """Whether a folder holds some of the sets, packed or not."""
    return any((folder / name).is_dir() or (folder / f"{name}.zip").is_file() for name in SETS)


def _drawings(root: Path) -> dict[str, Drawing]:
    """The drawings of all sets in a folder by their names, such as Greek/character01/0394_01.png."""
    if not root.is_dir():
        raise InputError(f"root: {root}: no such folder, expected the one that holds the zip files of Omniglot")
    drawings: dict[str, Drawing] = {}
    for name in SETS:
        for inside, where, content in _of_set(root, name):
            if (match := _LAYOUT.fullmatch(inside)) is None:
                raise InputError(f"{where}: expected {name}/ALPHABET/characterNN/NNNN_MM.png")
            known = drawings.get(inside)
            if known is not None and known.content != content:
                raise InputError(f"{where}: another drawing than {known.where}, expected the same one")
            drawings[inside] = Drawing(match[1], where, content, (*(() if known is None else known.sets), name))
    if not drawings:
        raise InputError(f"{root}: no drawings found, expected {', '.join(f'{name}.zip' for name in SETS)}, or some")
    return drawings


def _of_set(root: Path, name: str) -> Iterator[tuple[str, str, bytes]]:
    """Of each drawing of a set its name within the set, where it is, and its bytes; none where the set is not there."""
    folder, path = root / name, root / f"{name}.zip"
    if folder.is_dir():
        for file in sorted(folder.rglob("*.png")):
            yield file.relative_to(folder).as_posix(), str(file), read_bytes(file)
    elif path.is_file():
        yield from _of_zip(path, name)


def _of_zip(path: Path, name: str) -> Iterator[tuple[str, str, bytes]]:
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # foreign bytes raise many kinds
        raise InputError(f"{path}: not a readable zip file ({_one_line(error)})") from error
    with archive:
        members = [member for member in archive.infolist() if _is_drawing(member.filename)]
        claimed = sum(member.file_size for member in members)
        if claimed > MOST_BYTES:
            raise InputError(f"{path}: {claimed} bytes claimed, expected at most {MOST_BYTES}; nothing was decoded")
        for member in members:
            inside = PurePosixPath(member.filename)
            within = inside.relative_to(name).as_posix() if inside.parts[0] == name else inside.as_posix()
            yield within, f"{path}: {member.filename}", _content(archive, member, path)


def _is_drawing(name: str) -> bool:
    """Not a folder, nor what macOS adds to zip files."""
    return name.lower().endswith(".png") and not name.startswith("__MACOSX/")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> bytes:
    """The bytes of a member; its claimed size is all that is taken, however many it has."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{path}: {member.filename}: compression {member.compress_type}, expected deflate or none")
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size)
            file.read(1)  # the checksum is compared at the end
    except Exception as error:  # damaged bytes raise many kinds
        raise InputError(f"{path}: {member.filename}: damaged ({_one_line(error)})") from error
    if len(content) < member.file_size:
        raise InputError(f"{path}: {member.filename}: truncated")
    return content


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
