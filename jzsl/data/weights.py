"""Pre-trained weights: tensors by name and the hash of their file, from a path or from an installed package."""

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jzsl.data.formats.torch_file import read_torch_file
from jzsl.devices.memory import require_host
from jzsl.errors import InputError

_TORCH = (".pth", ".pt", ".bin", ".tar")
_KINDS = f".safetensors or PyTorch's {', '.join(_TORCH)}"


class Weights(NamedTuple):
    """The tensors of a file.

    Attributes:
        tensors: by name, as the file has them.
        file: name of the file, without folders.
        sha256: of the file, in hexadecimal.
    """

    tensors: dict[str, np.ndarray]
    file: str
    sha256: str


def read_weights(path: Path) -> Weights:
    """The weights of a .safetensors file or of a PyTorch file; nothing in it is executed.

    Raises:
        InputError: if the file is missing, is of another kind or broken; safetensors needs its package.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the weights of a network, {_KINDS}")
    suffix = path.suffix.lower()
    if suffix != ".safetensors" and suffix not in _TORCH:
        raise InputError(f"{path}: unknown kind of file {suffix!r}, expected {_KINDS}")
    tensors = _read_safetensors(path) if suffix == ".safetensors" else read_torch_file(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Weights(tensors, path.name, digest.hexdigest())


def installed_file(distribution: str, suffix: str = ".pth") -> Path:
    """The one file of this ending in an installed package, which is not imported.

    Raises:
        InputError: if the package is not installed or has no such file.
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"{distribution}: not installed: pip install {distribution}") from error
    paths = [Path(str(file.locate())) for file in files if file.suffix == suffix]
    if len(paths) != 1:
        raise InputError(f"{distribution}: {len(paths)} files {suffix} found in the package, expected one")
    return paths[0]


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    if importlib.util.find_spec("safetensors") is None:
        raise InputError(f'{path}: safetensors is not installed: pip install "jzsl[pretrained]"')
    from safetensors.numpy import load_file

    require_host(path.stat().st_size, str(path))
    try:
        return load_file(path)
    except Exception as error:  # the package raises several kinds
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable .safetensors file ({reason})") from error
