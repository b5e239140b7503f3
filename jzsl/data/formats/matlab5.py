"""Classic MATLAB files (version 5, as MATLAB writes them with -v6 and -v7): numbers, and cells of strings.

SciPy's reader ends the whole process on some damaged files, and guarding it by a subprocess would take a second per
file and a copy of the features; this one reads the two kinds of arrays that benchmarks hold, on demand, and checks
every length before it reads that far. Layout: "MAT-File Format", The MathWorks, 2015.
"""

import math
import mmap
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jzsl.devices.memory import require_host

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Kinds of numbers in a file, by the code of a data element."""
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""Kinds of numeric arrays, by the code of a class."""
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHAR = 1, 4
_LOGICAL, _COMPLEX = 0x02, 0x08
_PEEK = 4096
_HEADER = 128


class _Element(NamedTuple):
    """A data element: its code, its bytes, and where the next one begins."""

    code: int
    data: memoryview
    end: int


class Matlab5:
    """The variables of a file; `names` lists them, `read` gives one as an array.

    Numbers come in MATLAB's orientation, char arrays as one string per row, cells as an object array of the same.

    Raises:
        ValueError: saying what is wrong.
    """

    def __init__(self, path: Path):
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if len(content) < _HEADER or bytes(content[126:128]) not in (b"IM", b"MI"):
            raise ValueError("it does not begin as a MATLAB 5 file does")
        self._order = "<" if content[126:128] == b"IM" else ">"
        self._variables: dict[str, _Element] = {}
        start = _HEADER
        while start < len(content):
            element = self._element(content, start)
            start = element.end
            if element.code in (_MATRIX, _COMPRESSED) and (name := self._name(element)):
                self._variables[name] = element

    @property
    def names(self) -> set[str]:
        return set(self._variables)

    def read(self, name: str) -> np.ndarray:
        """A variable; raises ValueError if it is damaged, or neither numbers, text nor cells."""
        element = self._variables[name]
        if element.code == _COMPRESSED:
            element = self._element(memoryview(_inflated(element.data, self._size(element))), 0)
        return self._array(element.data)

    def _size(self, compressed: _Element) -> int:
        """Bytes of a compressed element once it is inflated, by its header."""
        begin = _inflated(compressed.data, 8)
        size = 8 + int.from_bytes(begin[4:8], "little" if self._order == "<" else "big")
        require_host(size, "a variable")
        return size

    def _name(self, element: _Element) -> str:
        compressed = element.code == _COMPRESSED
        inside = memoryview(_inflated(element.data, _PEEK))[8:] if compressed else element.data
        flags = self._element(inside, 0)
        name = self._element(inside, self._element(inside, flags.end).end)
        return bytes(name.data).decode("ascii")

    def _element(self, content: memoryview, start: int) -> _Element:
        tag = np.frombuffer(content[start : start + 8], f"{self._order}u4")
        if len(tag) < 2:
            raise ValueError(f"it ends within an element, at byte {start}")
        small = int(tag[0]) >> 16
        if small:
            if small > 4:
                raise ValueError(f"a small element of {small} bytes at byte {start}")
            return _Element(int(tag[0]) & 0xFFFF, content[start + 4 : start + 4 + small], start + 8)
        code, size = int(tag[0]), int(tag[1])
        end = start + 8 + size
        if end > len(content) and not (code == _MATRIX and start == 0):  # a header is read without the rest
            raise ValueError(f"an element of {size} bytes at byte {start}, past the end")
        return _Element(code, content[start + 8 : end], end if code == _COMPRESSED else end + -size % 8)

    def _array(self, inside: memoryview) -> np.ndarray:
        flags = self._element(inside, 0)
        sizes = self._element(inside, flags.end)
        name = self._element(inside, sizes.end)
        if len(flags.data) < 4:
            raise ValueError("flags are missing")
        word = int(np.frombuffer(flags.data[:4], f"{self._order}u4")[0])
        kind, logical = word & 0xFF, bool((word >> 8) & _LOGICAL)
        shape = tuple(int(size) for size in self._numbers(sizes))
        if len(shape) < 2 or min(shape) < 0:
            raise ValueError(f"dimensions {shape}")
        if kind == _CELL:
            return self._cells(inside, name.end, shape)
        if (word >> 8) & _COMPLEX:
            raise ValueError("complex numbers")
        if kind != _CHAR and kind not in _CLASSES:
            raise ValueError(f"an array of class {kind}, neither numbers nor text nor cells")
        data = self._element(inside, name.end)
        if kind == _CHAR:
            letters = self._letters(data)
            if len(letters) != math.prod(shape):
                raise ValueError(f"{len(letters)} letters for dimensions {shape}")
            rows = np.array(list(letters), object).reshape(shape, order="F").reshape(shape[0], -1)
            return np.array(["".join(row) for row in rows], object)
        values = self._numbers(data)
        if len(values) != math.prod(shape):
            raise ValueError(f"{len(values)} values for dimensions {shape}")
        return values.astype(bool if logical else _CLASSES[kind]).reshape(shape, order="F")

    def _numbers(self, element: _Element) -> np.ndarray:
        if element.code not in _NUMBERS:
            raise ValueError(f"an element of code {element.code}, expected numbers")
        return np.frombuffer(element.data, f"{self._order}{_NUMBERS[element.code]}")

    def _letters(self, element: _Element) -> str:
        if element.code in _TEXTS:
            encoding = _TEXTS[element.code] + ("" if element.code == 16 else "-le" if self._order == "<" else "-be")
            return bytes(element.data).decode(encoding)
        return "".join(map(chr, self._numbers(element)))

    def _cells(self, inside: memoryview, start: int, shape: tuple[int, ...]) -> np.ndarray:
        count = math.prod(shape)
        if count > len(inside):  # a cell takes more than a byte
            raise ValueError(f"cells of dimensions {shape} in {len(inside)} bytes")
        cells = np.empty(count, object)
        for number in range(count):
            element = self._element(inside, start)
            if element.code != _MATRIX:
                raise ValueError(f"a cell of code {element.code}")
            cells[number], start = self._array(element.data), element.end
        return cells.reshape(shape, order="F")


def _inflated(data: memoryview, size: int) -> bytes:
    """At most so many bytes of compressed data."""
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise ValueError(f"compressed data are damaged ({error})") from error
