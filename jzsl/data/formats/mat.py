"""Reading MATLAB files, classic and HDF5-based (v7.3), into NumPy arrays of the same orientation."""

from pathlib import Path

import h5py
import numpy as np

from jzsl.data.formats.matlab5 import Matlab5
from jzsl.devices.memory import require_host
from jzsl.errors import InputError


class MatFile:
    """The numeric arrays and cell strings of one .mat file, read on demand.

    Args:
        path: the file.

    Raises:
        InputError: if the file is missing or is no .mat file.
    """

    def __init__(self, path: Path):
        self.path = path
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        self.keys: set[str]
        self._hdf5 = h5py.is_hdf5(path)
        try:
            if self._hdf5:
                with h5py.File(path) as file:
                    sizes = [item.nbytes for item in file.values() if isinstance(item, h5py.Dataset)]
                    require_host(sum(sizes), str(path))
                    self.keys = {str(key) for key in file if not str(key).startswith("#")}
            else:
                self._classic = Matlab5(path)
                self.keys = self._classic.names
        except InputError:
            raise
        except Exception as error:  # the readers raise anything from OSError to IndexError on foreign bytes
            raise InputError(f"{path}: not a readable .mat file ({_one_line(error)})") from error

    def numeric(self, key: str) -> np.ndarray:
        """A numeric matrix in MATLAB's orientation.

        Raises:
            InputError: if the key is missing or holds no real numbers.
        """
        self._require(key)
        if self._hdf5:
            with h5py.File(self.path) as file:
                item = file[key]
                # HDF5 lists dimensions slowest first, MATLAB fastest first.
                value = item[()].T if isinstance(item, h5py.Dataset) else np.zeros(0, object)
        else:
            value = self._read_classic(key)
        real = np.issubdtype(value.dtype, np.number) and not np.issubdtype(value.dtype, np.complexfloating)
        if not (real or value.dtype == bool):
            raise InputError(f"{self.path}: {key}: {value.dtype} found, expected real numbers")
        return value

    def strings(self, key: str) -> list[str]:
        """A cell array of strings, flattened.

        Raises:
            InputError: if the key is missing or holds something else.
        """
        self._require(key)
        try:
            if not self._hdf5:
                cells = self._read_classic(key).ravel()
                return [str(cell.item() if isinstance(cell, np.ndarray) else cell) for cell in cells]
            with h5py.File(self.path) as file:
                cells = np.asarray(file[key]).T.ravel()
                return ["".join(map(chr, np.asarray(file[cell]).T.ravel())) for cell in cells]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{self.path}: {key}: expected a cell array of strings ({_one_line(error)})") from error

    def _read_classic(self, key: str) -> np.ndarray:
        try:
            return self._classic.read(key)
        except InputError:
            raise
        except Exception as error:  # foreign bytes raise many kinds
            raise InputError(f"{self.path}: {key}: not readable ({_one_line(error)})") from error

    def _require(self, key: str) -> None:
        if key not in self.keys:
            keys = ", ".join(sorted(self.keys)) or "nothing"
            raise InputError(f"{self.path}: {key}: missing; the file has {keys}")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
