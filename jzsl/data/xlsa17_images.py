"""The xlsa17 layout with the pictures themselves: `image_files` of the feature file names one for each sample.

The published files hold the paths of the machine on which they were made, such as
/BS/.../CUB_200_2011/images/001.Black_footed_Albatross/Black_footed_Albatross_0046_18.jpg. Their first folders are left
out: as many as it takes for the first path to lead to a file in the user's own folder.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from jzsl.data.decoding import Storage
from jzsl.data.encoded import EncodedProblem
from jzsl.data.formats.mat import MatFile
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import encoded_files
from jzsl.data.xlsa17 import files_of, read_labels, read_splits, splits_of
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance


@dataclass(frozen=True)
class Xlsa17Images:
    """The pictures of a problem of the xlsa17 layout, with its classes, semantics and splits."""

    root: Path = Path("data")
    """folder that holds both .mat files"""
    images: Path = Path("data/images")
    """folder of the pictures"""
    features: str = "res101"
    """name of the file with labels and image_files, without .mat; its features are not read"""
    splits: str = "att_splits"
    """name of the file with splits and semantics, without .mat"""
    semantics: Literal["att", "original_att"] = "att"
    """key of the class semantics"""
    reading: Reading = Reading(size=224, shorter=256)
    storage: Storage = Storage()

    def encoded(self) -> EncodedProblem:
        """The problem before it is decoded.

        Raises:
            InputError: naming the file and the key, or a picture that is missing.
        """
        feature_path, split_path = files_of(self.root, self.features, self.splits)
        file = MatFile(feature_path)
        published = read_splits(split_path, self.semantics)
        labels = read_labels(file, published, split_path)
        names = _inside(self.images, file.strings("image_files"), feature_path)
        if len(names) != len(labels):
            raise InputError(f"{feature_path}: image_files: {len(names)} paths found for {len(labels)} labels")
        splits, notes = splits_of(published, labels, split_path)
        return EncodedProblem(
            encoded_files(self.images, names),
            labels,
            published.semantics,
            published.class_names,
            splits,
            Provenance(
                f"{self.root.resolve().name}, pictures",
                "pictures",
                f"{self.splits}: {self.semantics}",
                f"{feature_path}, {split_path} and {self.images}",
                notes,
                Backbone.none,
                attributes=published.attributes,
            ),
        )

    def load(self) -> Problem:
        """The problem, of images uint8[n, h, w, c].

        Raises:
            InputError: naming the file and the key, or every picture that is missing or cannot be decoded.
        """
        return self.encoded().decoded(self.reading, self.storage)


def _inside(folder: Path, published: list[str], path: Path) -> tuple[str, ...]:
    """The published paths relative to the user's folder."""
    if not folder.is_dir():
        raise InputError(f"images: {folder}: no such folder, expected the one that holds the pictures")
    parts = [PurePosixPath(name.replace("\\", "/")).parts for name in published]
    if not parts:
        raise InputError(f"{path}: image_files: no paths found")
    climbing = next((name for name, steps in zip(published, parts, strict=True) if ".." in steps), None)
    if climbing is not None:
        raise InputError(f"{path}: image_files: {climbing!r} found, expected paths without '..'")
    begin = next((step for step in range(len(parts[0])) if folder.joinpath(*_below(parts[0], step)).is_file()), None)
    if begin is None:
        raise InputError(
            f"images: {folder} found, expected the folder of the pictures: none of the image_files of {path} is in it, "
            f"such as {published[0]!r}"
        )
    return tuple("/".join(_below(steps, begin)) for steps in parts)


def _below(steps: tuple[str, ...], begin: int) -> tuple[str, ...]:
    """A path without its first folders; without a root, so that it stays inside the user's folder."""
    return tuple(step for step in steps[begin:] if step != "/")
