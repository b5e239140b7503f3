"""Which classes may stand in a field of an experiment: the config file's own, and those beside the field's part."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxtyping import AbstractArray


class Part(NamedTuple):
    """What may stand in a field.

    Attributes:
        kinds: dataclasses and Protocols.
        optional: whether None may.
        several: whether a tuple of them stands there.
        package: where the annotation says that they are defined.
    """

    kinds: tuple[type, ...]
    optional: bool
    several: bool
    package: str | None


def classes_for(part: Part, owner: Any, name: str, namespace: Mapping[str, Any]) -> dict[str, type]:
    """By name the classes that may stand in a field, those of the config file first."""
    classes = {
        cls.__name__: cls
        for cls in namespace.values()
        if isinstance(cls, type) and dataclasses.is_dataclass(cls) and _suits(cls, part) and not isinstance(owner, cls)
    }
    for package in _packages(part, owner, name):
        for cls in classes_in(package):
            if _suits(cls, part):
                classes.setdefault(cls.__name__, cls)
    return dict(sorted(classes.items()))


def _packages(part: Part, owner: Any, name: str) -> list[str]:
    """Of the field's value, of its default, and the one that the annotation names."""
    field = next(field for field in dataclasses.fields(owner) if field.name == name)
    defaults = [getattr(owner, name), field.default]
    values = [item for value in defaults for item in (value if isinstance(value, tuple) else (value,))]
    modules = [type(value).__module__ for value in values if dataclasses.is_dataclass(value)]
    modules += [kind.__module__ for kind in part.kinds if dataclasses.is_dataclass(kind)]
    packages = [module.rpartition(".")[0] for module in modules if module.startswith("jzsl.")]
    return list(dict.fromkeys([*([part.package] if part.package else []), *packages]))


def classes_in(package: str) -> Iterator[type]:
    """The dataclasses that the modules of a package define themselves."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if not module.ispkg:
            members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
            yield from (cls for _, cls in members if cls.__module__ == module.name and dataclasses.is_dataclass(cls))


def _suits(cls: type, part: Part) -> bool:
    """Whether a class is of one of the kinds; a Protocol is met by an instance's attributes and methods."""
    return any(kind in cls.__mro__ if dataclasses.is_dataclass(kind) else _meets(cls, kind) for kind in part.kinds)


def _meets(cls: type, protocol: Any) -> bool:
    attributes = getattr(protocol, "__protocol_attrs__", None) or {
        name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")
    }
    fields = {field.name for field in dataclasses.fields(cls)}
    return all(
        name in fields or (hasattr(cls, name) and _returns_alike(getattr(cls, name), getattr(protocol, name, None)))
        for name in attributes
    )


def _returns_alike(method: Any, expected: Any) -> bool:
    """Whether two methods are annotated to return one class, where both are: a prior builds no selector.

    Annotations of arrays are another class each time they are written, and are not compared.
    """
    given, wanted = (getattr(of, "__annotations__", {}).get("return") for of in (method, expected))
    classes = [each for each in (given, wanted) if isinstance(each, type) and not issubclass(each, AbstractArray)]
    return len(classes) < 2 or classes[1] in classes[0].__mro__
