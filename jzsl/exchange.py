"""Experiments as JSON values and back; no code runs from data."""

import dataclasses
import enum
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from jzsl.errors import InputError
from jzsl.records import fits, words


def encode(value: Any) -> Any:
    """A config as JSON values; a dataclass becomes an object whose "type" names its class."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": _name_of(type(value)), **fields}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def classes_of(value: Any) -> dict[str, type]:
    """The dataclasses that a config is made of, by the names that `encode` gives them."""
    if isinstance(value, tuple | list):
        return {name: cls for item in value for name, cls in classes_of(item).items()}
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return {}
    classes = {_name_of(type(value)): type(value)}
    for field in dataclasses.fields(value):
        classes |= classes_of(getattr(value, field.name))
    return classes


def _name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def decode(value: Any, like: Any = None, where: str = "config", users: Mapping[str, type] | None = None) -> Any:
    """The inverse of `encode`, for dataclasses of this library; imports nothing else and runs no code from data.

    Args:
        value: JSON values.
        like: a value of the type that a plain JSON value encodes.
        where: name of `value` in error messages.
        users: a user's classes, from outside the package, that may occur, by the names that `encode` gives them.

    Raises:
        InputError: naming the entry.
    """
    if isinstance(value, dict):
        cls = (users or {}).get(str(value.get("type"))) or _dataclass_named(value.get("type"), where)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = set(value) - set(fields) - {"type"}
        if unknown:
            raise InputError(f"{where}.{sorted(unknown)[0]}: no such field in {value['type']}")
        hints = {name: _default(field) for name, field in fields.items()}
        given = {
            name: decode(item, hints[name], f"{where}.{name}", users) for name, item in value.items() if name != "type"
        }
        for name, item in given.items():
            if not fits(item, fields[name].type):
                raise InputError(f"{where}.{name}: {str(item)[:60]!r} found, expected {words(fields[name].type)}")
        try:
            return cls(**given)
        except TypeError as error:
            raise InputError(f"{where}: {' '.join(str(error).split())}") from error
    if isinstance(like, enum.Enum):
        if not isinstance(value, str) or value not in type(like).__members__:
            raise InputError(f"{where}: {value!r} found, expected one of {', '.join(type(like).__members__)}")
        return type(like)[value]
    if isinstance(like, Path) and isinstance(value, str):
        return Path(value)
    if isinstance(value, list):
        return tuple(
            decode(item, like[0] if isinstance(like, tuple) and like else None, where, users) for item in value
        )
    return value


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """The fields in which two encoded configs differ, each as 'field: old, now new'."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name), new.get(name), f"{where}.{name}" if where else name)
    elif old != new:
        yield f"{where}: {old!r}, now {new!r}"


def _dataclass_named(name: Any, where: str) -> type:
    module, _, qualname = str(name).partition(":")
    if not module.startswith("jzsl."):
        raise InputError(
            f"{where}.type: {name!r} found, expected a class of the jzsl package; "
            "if a config file defines it, name the file with --config"
        )
    try:
        cls = getattr(importlib.import_module(module), qualname)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{where}.type: {name!r} is no class of this version of jzsl") from error
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == module):
        raise InputError(f"{where}.type: {name!r} is no configuration class")
    return cls


def _default(field: dataclasses.Field) -> Any:
    """A value of the field's kind: its default, or any path where that is None."""
    if field.default is not dataclasses.MISSING and field.default is not None:
        return field.default
    return Path() if Path in (field.type, *get_args(field.type)) else None
