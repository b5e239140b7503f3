"""Named arrays from .npz and HDF5 files, from folders of .npy files, and the samples of .npy and .mat files."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from jzsl.data.formats.mat import MatFile
from jzsl.devices.memory import require_host
from jzsl.errors import InputError

FORMATS = ".npz, .h5, .hdf5, .npy or .mat"
SAMPLES = ("features", "images")
"""The entries that may hold samples."""


def read_entries(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays of an .npz, .h5 or .mat file, or of a folder of .npy files; nothing is unpickled.

    Features and images in .npy files are memory-mapped. A single .npy file is called images where it holds
    uint8[n, h, w, c], else features.

    Raises:
        InputError: if the path is missing, or not what its name says.
    """
    if path.is_dir():
        files = sorted(path.glob("*.npy"))
        if not files:
            raise InputError(f"{path}: no .npy files in this folder")
        arrays = {file.stem: _load_npy(file) for file in files}
        return {name: array if name in SAMPLES else np.array(array) for name, array in arrays.items()}
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        array = _load_npy(path)
        return {"images" if array.dtype == np.uint8 and array.ndim == 4 else "features": array}
    if suffix == ".mat":
        return {"features": MatFile(path).numeric("features").T}
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


def samples_of(entries: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    """The samples among the entries of a file: `features`, or else uint8 `images`.

    Raises:
        InputError: if there is neither, or both.
    """
    given = [name for name in SAMPLES if name in entries]
    if not given:
        raise InputError(f"{path}: features: missing; found {', '.join(sorted(entries)) or 'nothing'}")
    if len(given) > 1:
        raise InputError(f"{path}: images: given beside features; expected one of them")
    if given == ["images"] and entries["images"].dtype != np.uint8:
        raise InputError(f"{path}: images: {entries['images'].dtype} found, expected uint8")
    return entries[given[0]]


def texts_of(path: Path, key: str, values: np.ndarray) -> tuple[str, ...]:
    """Strings, which HDF5 holds as UTF-8 bytes; raises an InputError that names the file and the entry."""
    try:
        return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in values.ravel())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {key}: not UTF-8 ({error})") from error


def _load_npy(path: Path) -> np.ndarray:
    """Memory-mapped, so that what its header claims takes no memory."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # foreign headers raise many kinds
        raise InputError(f"{path}: not a readable .npy file ({' '.join(str(error).split())})") from error
