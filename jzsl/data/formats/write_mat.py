"""Writing MATLAB files: classic ones, which every program reads, or HDF5-based ones (v7.3) where they must be."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from jzsl.errors import writing

_MOST_BYTES = 2**31
"""Of one array in a classic file."""
_CLASSES = {"float32": b"single", "float64": b"double"}
_HEADER = b"MATLAB 7.3 MAT-file, written by jzsl".ljust(124) + b"\x00\x02IM"


def write_mat(path: Path, entries: Mapping[str, np.ndarray | Sequence[str]]) -> None:
    """Writes matrices in MATLAB's orientation, and lists of strings as columns of cells; replaces the file at once.

    Numbers in half precision, which MATLAB does not have, and arrays of more than two gigabytes make it a v7.3 file.

    Raises:
        WriteError: if the file cannot be written.
    """
    arrays = [value for value in entries.values() if isinstance(value, np.ndarray)]
    classic = all(array.dtype != np.float16 and array.nbytes < _MOST_BYTES for array in arrays)
    temporary = path.with_name(f".{path.name}.new")
    with writing(path):
        (_write_classic if classic else _write_hdf5)(temporary, entries)
        temporary.replace(path)


def _write_classic(path: Path, entries: Mapping[str, np.ndarray | Sequence[str]]) -> None:
    with path.open("wb") as file:
        scipy.io.savemat(file, {name: _cells(value) for name, value in entries.items()})


def _cells(value: np.ndarray | Sequence[str]) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    cells = np.empty((len(value), 1), object)
    cells[:, 0] = value
    return cells


def _write_hdf5(path: Path, entries: Mapping[str, np.ndarray | Sequence[str]]) -> None:
    """HDF5 lists dimensions slowest first, MATLAB fastest first."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in entries.items():
            if isinstance(value, np.ndarray):
                item = file.create_dataset(name, data=value.T)
                if value.dtype.name in _CLASSES:
                    item.attrs["MATLAB_class"] = np.bytes_(_CLASSES[value.dtype.name])
                continue
            references = np.empty((1, len(value)), h5py.ref_dtype)
            for number, text in enumerate(value):
                codes = np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None]
                cell = file.create_dataset(f"#refs#/{name}{number}", data=codes)
                cell.attrs["MATLAB_class"] = np.bytes_(b"char")
                references[0, number] = cell.ref
            item = file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
            item.attrs["MATLAB_class"] = np.bytes_(b"cell")
    with path.open("r+b") as file:
        file.write(_HEADER)
