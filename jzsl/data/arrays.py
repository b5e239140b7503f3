"""Plain arrays: one .npz or .h5 file, or a folder of .npy files, with these entries.

features        float[n, d]
labels          int[n], index into the class table, from 0
semantics       float[c, a] (optional where no class is unseen)
train           int, row indices from 0
test_unseen     int, row indices (optional where test_seen has rows: these are then of another domain)
test_seen       int, row indices (optional: without it there is no generalized task)
class_names     strings (optional)
observed         bool[n, d] (optional)
validation_classes, validation_seen   int (optional: a fixed random fifth)
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from jzsl.data.formats.mat import MatFile
from jzsl.data.holdout import holdout_classes, holdout_rows
from jzsl.devices.memory import require_host
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance, Splits

FORMATS = ".npz, .h5, .hdf5, .npy or .mat"


@dataclass(frozen=True)
class Arrays:
    """Plain arrays in an .npz or .h5 file, or in a folder of .npy files."""

    path: Path = Path("data.npz")
    """the file or folder"""
    backbone: Backbone = Backbone.unstated
    """what the network that made the features had seen of the unseen classes; results tell it"""

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
            found = required(key)
            if not np.issubdtype(found.dtype, np.integer):
                raise InputError(f"{self.path}: {key}: {found.dtype} found, expected integers")
            return found.astype(np.int64)

        features, labels, train, notes = required("features"), index("labels"), index("train"), []
        test_seen = index("test_seen") if "test_seen" in entries else np.zeros(0, np.int64)
        shared = "test_unseen" not in entries and len(test_seen) > 0
        test_unseen = np.zeros(0, np.int64) if shared else index("test_unseen")
        if shared and "semantics" not in entries and labels.size and labels.min() >= 0:
            semantics = np.eye(labels.max() + 1)
            notes.append("no semantics: each class stands for itself")
        else:
            semantics = required("semantics")
        if "class_names" in entries:
            names = _texts(self.path, entries["class_names"])
        else:
            names = tuple(f"class {number}" for number in range(len(semantics)))
            notes.append("no class_names: classes are numbered")
        _check_index(self.path, "train", train, len(labels))
        if "validation_classes" in entries:
            classes = index("validation_classes")
        else:
            classes = holdout_classes(np.unique(labels[train]))
            notes.append("no validation_classes: a fixed random fifth of the seen ones")
        rest = train[~np.isin(labels[train], classes)]
        return Problem(
            samples=features,
            labels=labels,
            semantics=np.asarray(semantics),
            class_names=names,
            splits=Splits(
                train,
                test_seen,
                test_unseen,
                classes,
                index("validation_seen") if "validation_seen" in entries else holdout_rows(rest, labels, 0.2),
            ),
            provenance=Provenance(self.path.stem, "features", "semantics", str(self.path), tuple(notes), self.backbone),
            observed=entries["observed"].astype(bool) if "observed" in entries else None,
        )


def read_entries(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays of an .npz, .h5 or .mat file, or of a folder of .npy files; nothing is unpickled.

    Features in .npy files are memory-mapped.

    Raises:
        InputError: if the path is missing, or not what its name says.
    """
    if path.is_dir():
        files = sorted(path.glob("*.npy"))
        if not files:
            raise InputError(f"{path}: no .npy files in this folder")
        arrays = {file.stem: _load_npy(file) for file in files}
        return {name: array if name == "features" else np.array(array) for name, array in arrays.items()}
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return {"features": _load_npy(path)}
    if suffix == ".mat":
        file = MatFile(path)
        return {"features": file.numeric("features").T}
    if suffix not in (".npz", ".h5", ".hdf5"):
        raise InputError(f"{path}: unknown kind of file {suffix!r}, expected {FORMATS}")
    try:
        if suffix == ".npz":
            with zipfile.ZipFile(path) as file:
                require_host(sum(member.file_size for member in file.infolist()), str(path))
            with np.load(path, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        with h5py.File(path) as file:
            items = {key: item for key, item in file.items() if isinstance(item, h5py.Dataset)}
            require_host(sum(item.nbytes for item in items.values()), str(path))
            return {key: item[()] for key, item in items.items()}
    except InputError:
        raise
    except Exception as error:  # the readers raise many kinds on foreign bytes
        raise InputError(f"{path}: not a readable {suffix} file ({' '.join(str(error).split())})") from error


def _load_npy(path: Path) -> np.ndarray:
    """Memory-mapped, so that what its header claims takes no memory."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # foreign headers raise many kinds
        raise InputError(f"{path}: not a readable .npy file ({' '.join(str(error).split())})") from error


def _check_index(path: Path, key: str, found: np.ndarray, rows: int) -> None:
    if found.ndim != 1 or (len(found) and not (found.min() >= 0 and found.max() < rows)):
        raise InputError(f"{path}: {key}: expected a list of row indices from 0 to {rows - 1}")


def _texts(path: Path, names: np.ndarray) -> tuple[str, ...]:
    try:
        return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names.ravel())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: class_names: not UTF-8 ({error})") from error
