"""Tensors of PyTorch files of both formats, the zip archive and the older stream, without PyTorch."""

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jzsl.data.formats.plain_pickle import Named, read_pickle
from jzsl.devices.memory import require_host
from jzsl.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, Any] = {
    "DoubleStorage": np.float64, "FloatStorage": np.float32, "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16, "LongStorage": np.int64, "IntStorage": np.int32,
    "ShortStorage": np.int16, "CharStorage": np.int8, "ByteStorage": np.uint8, "BoolStorage": np.bool_,
}  # fmt: skip


class _Storage:
    """The numbers of one or several tensors; in the stream format they come after the tensors that refer to them."""

    def __init__(self, dtype: Any, count: int):
        self.dtype = np.dtype(dtype)
        self.count = count
        self.values: np.ndarray | None = None

    def fill(self, content: bytes | memoryview, what: str) -> None:
        if len(content) != self.count * self.dtype.itemsize:
            raise InputError(
                f"{what}: a storage of {len(content)} bytes found, expected {self.count * self.dtype.itemsize}"
            )
        self.values = np.frombuffer(content, self.dtype.newbyteorder("<") if self.dtype.kind != "V" else self.dtype)


class _Tensor:
    """A view of a storage."""

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any):
        whole = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or not all(type(number) is int and number >= 0 for number in whole):
            raise ValueError("a tensor that is no view of a storage")
        if len(shape) != len(strides) or math.prod(shape) > storage.count:
            raise ValueError(f"a tensor of shape {shape} in a storage of {storage.count}")
        last = offset + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
        if math.prod(shape) and last >= storage.count:
            raise ValueError(f"a tensor that ends at {last} of a storage of {storage.count}")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        values = self.storage.values
        if values is None:
            raise ValueError("a tensor without a storage")
        steps = tuple(step * values.itemsize for step in self.strides)
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps, writeable=False)


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> _Tensor:
    del rest  # whether it takes gradients, and hooks
    return _Tensor(storage, offset, shape, strides)


def _parameter(tensor: Any, *rest: Any) -> _Tensor:
    del rest
    if not isinstance(tensor, _Tensor):
        raise ValueError("a parameter that is no tensor")
    return tensor


def _ordered(*pairs: Any) -> dict[Any, Any]:
    return dict(*pairs)


_ALLOWED: Mapping[str, Callable[..., Any] | Named] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    **{f"torch.{name}": Named(name) for name in _DTYPES},
}


def read_torch_file(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, little-endian, as views of the bytes of the file.

    A file that holds the state dict beside other things has it under "state_dict" or "model".

    Raises:
        InputError: if the file is neither format, holds anything but tensors and plain values, or is broken.
    """
    try:
        require_host(path.stat().st_size, str(path))
        content = path.read_bytes()
        value = _read_zip(content, path) if zipfile.is_zipfile(io.BytesIO(content)) else _read_stream(content, path)
        return _state_dict(value, path)
    except InputError:
        raise
    except Exception as error:  # foreign bytes raise many kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path}: not a readable PyTorch file ({reason})") from error


class _Storages(dict[str, _Storage]):
    """The storages that tensors refer to, by key."""

    def __call__(self, identifier: Any) -> _Storage:
        kind, named, key, _, count, *view = identifier
        if kind != "storage" or not isinstance(named, Named) or type(count) is not int or view not in ([], [None]):
            raise ValueError("a persistent identifier of no storage")
        if key not in self:
            self[key] = _Storage(_DTYPES[named.name], count)
        return self[key]


def _read_zip(content: bytes, path: Path) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {member.filename: member for member in archive.infolist()}
        pickles = [name for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise InputError(f"{path}: {len(pickles)} entries data.pkl found, expected one")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
            raise InputError(f"{path}: compressed entries found, expected stored ones, as PyTorch writes them")
        folder = pickles[0].removesuffix("data.pkl")
        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in members else b"little"
        if order.strip() != b"little":
            raise InputError(f"{path}: byte order {order[:20]!r} found, expected little")
        storages = _Storages()
        value = read_pickle(io.BytesIO(archive.read(pickles[0])), str(path), _ALLOWED, storages)
        for key, storage in storages.items():
            storage.fill(archive.read(f"{folder}data/{key}"), str(path))
        return value


def _read_stream(content: bytes, path: Path) -> Any:
    file = io.BytesIO(content)
    try:
        magic = read_pickle(file, str(path), {})
    except InputError:
        magic = None
    if magic != _MAGIC:
        raise InputError(f"{path}: not a PyTorch file, which begins as a zip archive or with PyTorch's magic number")
    version, system = read_pickle(file, str(path), {}), read_pickle(file, str(path), {})
    if version != 1001 or system.get("little_endian") is not True:
        raise InputError(f"{path}: version {version} of a machine of {system} found, expected 1001, little-endian")
    storages = _Storages()
    value = read_pickle(file, str(path), _ALLOWED, storages)
    keys = read_pickle(file, str(path), {})
    rest = memoryview(content)[file.tell() :]
    for key in keys:
        storage = storages[key]
        if int.from_bytes(rest[:8], "little") != storage.count:
            raise InputError(f"{path}: a storage of another length than its tensors expect")
        end = 8 + storage.count * storage.dtype.itemsize
        storage.fill(rest[8:end], str(path))
        rest = rest[end:]
    return value


def _state_dict(value: Any, path: Path) -> dict[str, np.ndarray]:
    for key in ("state_dict", "model"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
            break
    if not isinstance(value, dict):
        raise InputError(f"{path}: {type(value).__name__} found, expected tensors by name")
    tensors = {name: tensor.array() for name, tensor in value.items() if isinstance(tensor, _Tensor)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise InputError(f"{path}: no tensors by name")
    return tensors
