"""JSON that the library wrote, read back; an InputError names what is missing or of another type.

`fits` instead of beartype's `is_bearable`, which checks one random item of a list and accepts True as an integer.
"""

import json
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from jzsl.errors import InputError

Kinds = dict[str, Any]
"""The annotated type of each entry that must be there."""


def read_record(path: Path, kinds: Kinds, what: str) -> dict[str, Any]:
    """An object with entries of these kinds.

    Args:
        path: the file.
        kinds: entries that it must have; it may have more.
        what: the file is, such as 'the result of a run'.

    Raises:
        InputError: naming the file and the entry.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected {what}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not {what} ({' '.join(str(error).split())[:200]})") from error
    require_record(content, kinds, f"{path}: not {what}")
    return content


def require_record(content: Any, kinds: Kinds, where: str) -> None:
    """Raises an InputError that begins with `where` unless this is an object with entries of these kinds."""
    if not isinstance(content, dict):
        raise InputError(f"{where} ({type(content).__name__} found, expected an object)")
    for name, kind in kinds.items():
        if name not in content:
            raise InputError(f"{where} ({name} is missing)")
        if not fits(content[name], kind):
            raise InputError(f"{where} ({name}: {str(content[name])[:60]!r} found, expected {words(kind)})")


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of an annotated type, with all its parts."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fits(value, parts[0])
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin is list:
        return isinstance(value, list) and all(fits(part, parts[0]) for part in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(part, parts[1]) for part in value.values())
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = parts[:1] * len(value) if parts[-1:] == (...,) else parts
        return len(value) == len(kinds) and all(map(fits, value, kinds))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return kind is Any or isinstance(value, type(None) if kind is None else kind)


def words(kind: Any) -> str:
    """An annotation in words, for messages."""
    if get_origin(kind) is Annotated:
        return words(get_args(kind)[0])
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
