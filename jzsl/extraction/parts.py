"""The features that are made already, on disk: whole batches, so that an extraction goes on where it was stopped."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from jzsl.errors import InputError, writing
from jzsl.records import read_record

_HEADER, _MARKS, _FEATURES = "header.json", "pictures.json", "features.raw"


class Parts:
    """A folder with a header, which says what is being made, and the features so far.

    Args:
        folder: made here, unless it is there and holds the same extraction.
        header: JSON values: what makes two extractions the same, `dtype`, `dimensions` and `batch_size` among it.
        marks: of all pictures, in their order. Those whose features are there must not have changed; others may, so
            that a picture that could not be decoded can be replaced.
        resume: whether the folder may be there.

    Raises:
        InputError: if the folder is there and is not to be resumed, or belongs to another extraction.
        WriteError: if it cannot be written.
    """

    def __init__(self, folder: Path, header: dict[str, Any], marks: Sequence[str], resume: bool):
        self.folder, self._path = folder, folder / _FEATURES
        self.dtype, self.dimensions = np.dtype(header["dtype"]), int(header["dimensions"])
        self._batch_bytes = header["batch_size"] * self.dimensions * self.dtype.itemsize
        if folder.exists():
            if not resume:
                raise InputError(f"{folder.parent}: holds an extraction that was stopped; go on with it by --resume")
            _require_same(folder / _HEADER, header)
            self._require_same_pictures(marks)
        with writing(folder):
            if not folder.exists():
                temporary = folder.with_name(f"{folder.name}.new")
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir(parents=True)
                (temporary / _HEADER).write_text(json.dumps(header))
                (temporary / _FEATURES).touch()
                temporary.replace(folder)
            os.truncate(self._path, self._whole(len(marks)))
            temporary = folder / f".{_MARKS}.new"
            temporary.write_text(json.dumps(list(marks)))
            temporary.replace(folder / _MARKS)

    @property
    def done(self) -> int:
        """Pictures whose features are there."""
        return self._path.stat().st_size // (self.dimensions * self.dtype.itemsize)

    def append(self, features: Float[np.ndarray, "b d"]) -> None:
        """Writes a batch, which is on the disk when this returns.

        Raises:
            InputError: if a feature is beyond the range of the kind of number in which they are kept.
            WriteError: if the disk is full.
        """
        with np.errstate(over="ignore"):
            kept = features.astype(self.dtype)
        if not np.isfinite(kept).all():
            largest = np.abs(features).max()
            raise InputError(f"dtype: {self.dtype} given, but features reach {largest:.3g}; expected float32")
        with writing(self._path), self._path.open("ab") as file:
            file.write(kept.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def features(self) -> Shaped[np.ndarray, "n d"]:
        """All features so far, memory-mapped."""
        return np.memmap(self._path, self.dtype, "r", shape=(self.done, self.dimensions))

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder)

    def _whole(self, count: int) -> int:
        """Bytes of the features of whole batches; one whose writing was cut off is made again.

        The last batch is smaller, and whole where it ends with the last of `count` pictures.
        """
        size = self._path.stat().st_size
        complete = size == count * self.dimensions * self.dtype.itemsize
        return size if complete else size // self._batch_bytes * self._batch_bytes

    def _require_same_pictures(self, marks: Sequence[str]) -> None:
        path = self.folder / _MARKS
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not the pictures of an extraction ({' '.join(str(error).split())})") from error
        done = self._whole(len(marks)) // (self.dimensions * self.dtype.itemsize)
        if not isinstance(before, list) or before[:done] != list(marks[:done]):
            raise InputError(
                f"{self.folder.parent}: pictures whose features are there have changed; choose another --out"
            )


def _require_same(path: Path, header: dict[str, Any]) -> None:
    old = read_record(path, {"dtype": str, "dimensions": int, "batch_size": int}, "the header of an extraction")
    changed = list(_changes(old, json.loads(json.dumps(header))))
    if changed:
        raise InputError(f"{path.parent.parent}: holds another extraction: {'; '.join(changed)}; choose another --out")


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"{name}: {str(old.get(name))[:80]}, now {str(new.get(name))[:80]}"
