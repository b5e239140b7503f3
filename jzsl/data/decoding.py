"""Pictures that are still encoded, and their decoding: in parallel, into memory or into a file that is mapped."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from jzsl.data.formats.picture import Reading, decode, require_pillow
from jzsl.devices.memory import require_host
from jzsl.errors import InputError, writing

_PER_TASK = 16
_VERSION = 1
"""Of the way in which pictures become pixels; files decoded by another one are not taken."""


class Encoded(NamedTuple):
    """Pictures as bytes.

    Attributes:
        names: of each, for messages and tables.
        read: the bytes of the picture of that number; any thread may call it. Raises InputError.
        marks: of each, another one when the picture changes.
    """

    names: tuple[str, ...]
    read: Callable[[int], bytes]
    marks: tuple[str, ...]

    def pixels(self, number: int, reading: Reading) -> UInt8[np.ndarray, "h w c"]:
        """The pixels of one picture; raises an InputError that names it."""
        return decode(self.read(number), self.names[number], reading)

    def shape(self, reading: Reading) -> tuple[int, int, int]:
        """Height, width and channels of every picture: where the reading gives no size, those of the first."""
        if reading.size is not None:
            return reading.size, reading.size, reading.channels
        height, width, channels = self.pixels(0, reading).shape
        return height, width, channels

    def nbytes(self, reading: Reading) -> int:
        """Of all pixels once they are decoded."""
        height, width, channels = self.shape(reading)
        return len(self.names) * height * width * channels


@dataclass(frozen=True)
class Storage:
    """Where decoded pictures are kept."""

    memory_gb: float = 2.0
    """pixels up to this size are in memory, more in a file that is mapped into it"""
    folder: Path = Path("runs/pixels")
    """of these files, beside the runs; a file is used again as long as pictures and reading stay the same"""

    def __post_init__(self):
        if not self.memory_gb >= 0:
            raise InputError(f"storage.memory_gb: {self.memory_gb} found, expected zero or more")

    def file(self, images: Encoded, reading: Reading) -> Path | None:
        """The file for the pixels of these pictures; None: they are in memory."""
        if images.nbytes(reading) <= self.memory_gb * 1e9:
            return None
        about = "\0".join((str(_VERSION), repr(reading), *images.marks))
        return self.folder / f"{hashlib.sha256(about.encode(errors='surrogateescape')).hexdigest()[:16]}.npy"


def decoded(images: Encoded, reading: Reading, storage: Storage = Storage()) -> UInt8[np.ndarray, "n h w c"]:
    """The pixels of all pictures, in their order; memory-mapped where the storage says so.

    Raises:
        InputError: naming every picture that cannot be decoded, or is of another size than the first where the reading
            gives none; or if neither memory nor disk has room for the pixels.
        WriteError: if the file cannot be written.
    """
    require_pillow()
    if not images.names:
        raise InputError("pictures: none found")
    path, shape = storage.file(images, reading), (len(images.names), *images.shape(reading))
    if path is None:
        require_host(images.nbytes(reading), "decoded pictures")
        pixels = np.empty(shape, np.uint8)
        _fill(pixels, images, reading)
        return pixels
    if (kept := _mapped(path, shape)) is not None:
        return kept
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.npy")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if images.nbytes(reading) > free:
            raise InputError(
                f"{path}: {images.nbytes(reading) / 1e9:.1f} GB of pixels, but the disk has {free / 1e9:.1f} GB left; "
                "a smaller reading.size needs less"
            )
        try:
            pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            _fill(pixels, images, reading)
            pixels.flush()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    kept = _mapped(path, shape)
    assert kept is not None
    return kept


def batches(
    images: Encoded, reading: Reading, numbers: Sequence[int], size: int
) -> Iterator[UInt8[np.ndarray, "b h w c"]]:
    """The pixels of some pictures, `size` at a time; the next ones are decoded while the caller works on these.

    Args:
        images: that are to be decoded.
        reading: with a size.
        numbers: of the pictures.
        size: of a batch; the last one may be smaller.

    Raises:
        InputError: naming every picture of a batch that cannot be decoded.
    """
    require_pillow()

    def batch(start: int) -> UInt8[np.ndarray, "b h w c"]:
        part = numbers[start : start + size]
        pixels = np.empty((len(part), *images.shape(reading)), np.uint8)
        _fill(pixels, images, reading, part)
        return pixels

    with ThreadPoolExecutor(1) as ahead:
        starts = range(0, len(numbers), size)
        coming = ahead.submit(batch, 0) if starts else None
        for start in starts:
            assert coming is not None
            pixels = coming.result()
            coming = ahead.submit(batch, start + size) if start + size < len(numbers) else None
            yield pixels


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The pixels in a file, or None where there is none of this shape."""
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def _fill(
    pixels: UInt8[np.ndarray, "n h w c"], images: Encoded, reading: Reading, numbers: Sequence[int] | None = None
) -> None:
    """Writes the pictures of these numbers into `pixels`, one thread per processor."""
    chosen = range(len(images.names)) if numbers is None else numbers
    errors: dict[int, str] = {}

    def fill(start: int) -> None:
        for position in range(start, min(start + _PER_TASK, len(chosen))):
            try:
                one = images.pixels(chosen[position], reading)
                if one.shape != pixels.shape[1:]:
                    raise InputError(_of_another_size(images.names[chosen[position]], one.shape, pixels.shape[1:]))
                pixels[position] = one
            except InputError as error:
                errors[position] = str(error)

    with ThreadPoolExecutor(_processors()) as threads:
        for _ in threads.map(fill, range(0, len(chosen), _PER_TASK)):
            pass
    if errors:
        every = [errors[position] for position in sorted(errors)]
        more = f" (and {len(every) - 1} more pictures)" if len(every) > 1 else ""
        raise InputError(f"{every[0]}{more}", problems=every)


def _processors() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _of_another_size(name: str, shape: tuple[int, ...], first: tuple[int, ...]) -> str:
    return (
        f"{name}: {shape[1]} x {shape[0]} pixels (width x height) found, expected {first[1]} x {first[0]} as the first "
        "picture has; with reading.size pictures of any size are resized and cropped"
    )
