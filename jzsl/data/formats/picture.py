"""One photograph or drawing, PNG, JPEG or WebP, from its bytes to pixels; Pillow decodes (extra `images`).

What counts is the content, not the name. Colours become RGB: grey is repeated, CMYK converted, transparent pixels lie
on white, 16-bit grey keeps its upper eight bits. The orientation of a camera's EXIF record is applied. Of an animation
the first frame is taken.
"""

import functools
import importlib.util
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from jzsl.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Names of pictures end so, in small or capital letters."""
MOST_PIXELS = 2**26
"""A picture that claims more is refused before it is decoded: 200 MB in RGB."""
MOST_BYTES = 2**28
"""A file of more bytes is refused before it is read."""
_LONGEST = 8
"""Of a picture longer than so many times its shorter side the middle is taken before it is resized: a line of one by
10,000 pixels would else become larger than memory."""
_FORMATS = ("PNG", "JPEG", "WEBP")
_ORIENTATION = 0x0112
_FOREIGN = {
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"%PDF": "a PDF document",
    b"<": "text of a web page or an SVG drawing",
}
"""What files under a picture's name often are instead, by their first bytes."""


@dataclass(frozen=True)
class Reading:
    """How pictures are read: in which colours, and resized and cropped to which size."""

    size: int | None = None
    """height and width of the central square that is kept; None: whole pictures, which must then be of one size"""
    shorter: int | None = None
    """height or width, whichever is shorter, to which a picture is resized before it is cropped; None: the size"""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """of the resizing, which averages over the pixels that fall into one"""
    colours: Literal["rgb", "grey"] = "rgb"
    """three channels, or one"""

    def __post_init__(self):
        for name in ("size", "shorter"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"reading.{name}: {value} found, expected at least 1")
        if self.shorter is not None and (self.size is None or self.shorter < self.size):
            raise InputError(f"reading.shorter: {self.shorter} found, expected a size of at most as much with it")

    @property
    def channels(self) -> int:
        """Of the pixels."""
        return 3 if self.colours == "rgb" else 1

    @property
    def words(self) -> str:
        """What is done to a picture, for tables and notes."""
        if self.size is None:
            return f"{self.colours}, as they are"
        return f"{self.colours}, shorter side {self.shorter or self.size} ({self.interpolation}), central {self.size}"


def require_pillow() -> None:
    """Raises an InputError if pictures cannot be decoded."""
    if importlib.util.find_spec("PIL") is None:
        raise InputError('pictures need Pillow, which is not installed: pip install "jzsl[images]"')


def read_bytes(path: Path) -> bytes:
    """The content of a picture's file.

    Raises:
        InputError: naming the file, if it cannot be read, or is larger than a picture may be.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes found, expected a picture of at most {MOST_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def decode(content: bytes, name: str, reading: Reading) -> UInt8[np.ndarray, "h w c"]:
    """The pixels of a picture. May be called by several threads, which decode at the same time.

    Args:
        content: the bytes of its file.
        name: for messages.
        reading: size and colours of the result.

    Raises:
        InputError: naming the picture, if it is empty, damaged, truncated, of another format, or claims to be larger
            than `MOST_PIXELS`.
    """
    if not content:
        raise InputError(f"{name}: 0 bytes found, expected a picture")
    image = _opened(content, name)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{name}: {width} x {height} pixels claimed, expected at most {MOST_PIXELS}; nothing was decoded"
        )
    try:
        image.load()
        turned = _turned(image)
        return np.ascontiguousarray(_framed(_in_colours(turned, reading), reading))
    except Exception as error:  # damaged bytes raise many kinds
        raise InputError(f"{name}: a damaged or truncated {image.format} file ({_one_line(error)})") from error


@functools.cache
def _pillow() -> Any:
    """The module, whose remarks on odd metadata do not concern the pixels."""
    require_pillow()
    from PIL import Image

    warnings.filterwarnings("ignore", module=r"PIL\.")
    return Image


def _opened(content: bytes, name: str) -> Any:
    """The picture with its header read and nothing else."""
    try:
        return _pillow().open(io.BytesIO(content), formats=_FORMATS)
    except InputError:
        raise
    except _pillow().DecompressionBombError as error:
        raise InputError(f"{name}: more than {MOST_PIXELS} pixels claimed; nothing was decoded") from error
    except Exception as error:  # foreign bytes raise many kinds
        kind = next((what for begin, what in _FOREIGN.items() if content.lstrip().startswith(begin)), None)
        what = f"{kind} found" if kind else "neither of these, or damaged in its first bytes"
        raise InputError(f"{name}: {what}, expected PNG, JPEG or WebP") from error


def _turned(image: Any) -> Any:
    """As the camera was held; a damaged EXIF record has no orientation."""
    method = _pillow().Transpose
    turns = {
        2: method.FLIP_LEFT_RIGHT,
        3: method.ROTATE_180,
        4: method.FLIP_TOP_BOTTOM,
        5: method.TRANSPOSE,
        6: method.ROTATE_270,
        7: method.TRANSVERSE,
        8: method.ROTATE_90,
    }
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # damaged bytes raise many kinds
        return image
    return image.transpose(turns[orientation]) if orientation in turns else image


def _in_colours(image: Any, reading: Reading) -> Any:
    """In mode RGB or L, on white where the picture is transparent."""
    mode = "RGB" if reading.colours == "rgb" else "L"
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip
        image = _pillow().fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = _pillow().new("RGBA", image.size, (255, 255, 255, 255))
        image = _pillow().alpha_composite(white, image)
    return image if image.mode == mode else image.convert("RGB").convert(mode)


def _framed(image: Any, reading: Reading) -> UInt8[np.ndarray, "h w c"]:
    """Resized and cropped as in the evaluation transforms of torchvision."""
    if reading.size is not None:
        shorter, size, interpolation = reading.shorter or reading.size, reading.size, reading.interpolation
        width, height = image.size
        if max(width, height) > _LONGEST * min(width, height):
            side = _LONGEST * min(width, height)
            left, top = max(0, (width - side) // 2), max(0, (height - side) // 2)
            image = image.crop((left, top, min(width, left + side), min(height, top + side)))
            width, height = image.size
        scale = min(width, height)
        resized = (max(shorter, shorter * width // scale), max(shorter, shorter * height // scale))
        if image.size != resized:
            image = image.resize(resized, getattr(_pillow().Resampling, interpolation.upper()))
        left, top = (round((side - size) / 2) for side in resized)
        image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image, np.uint8)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
