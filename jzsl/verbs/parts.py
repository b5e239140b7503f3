"""Parts of an experiment by their class names: `--self-training.selection RandomSampling`, `--tasks GZSL ZSL`.

A part is a field that holds a dataclass with `build()` or `load()`, None, or a tuple of them. An option that names
such a field and gives class names puts these classes with their default settings there; the parser of the other options
then offers their fields. Classes are looked up in the config file first, then among the dataclasses of the package in
which the field's part is defined, so that nothing has to be registered.
"""

import contextlib
import dataclasses
import enum
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructTypeInfo

from jzsl.errors import InputError
from jzsl.packages import PartsIn
from jzsl.verbs.part_classes import Part, classes_for

T = TypeVar("T")

ALIASES = {"--selection": "--self-training.selection", "--prior": "--self-training.selection.prior"}

REGISTRY = ConstructorRegistry()
"""Lets the parser see a part behind an annotation `Part | None`."""


@REGISTRY.struct_rule
def _protocol(info: StructTypeInfo) -> StructConstructorSpec | None:
    """A Protocol without a value has no options; with one, the parser uses the value's class.

    The parser itself does so only for Protocols without attributes: `issubclass` refuses others, such as `Task`.
    """
    if not (isinstance(info.type, type) and getattr(info.type, "_is_protocol", False)):
        return None
    if dataclasses.is_dataclass(info.default) and not isinstance(info.default, type):
        spec = ConstructorRegistry.get_struct_spec(dataclasses.replace(info, type=type(info.default)))
        return spec if isinstance(spec, StructConstructorSpec) else None
    return StructConstructorSpec(instantiate=info.type, fields=())


def parse(options: type[T], default: T, arguments: list[str], prog: str, namespace: Mapping[str, Any]) -> T:
    """The options of a verb; those of `default.experiment` have no prefix, those of other fields have their name.

    Args:
        options: a frozen dataclass with a field `experiment`.
        default: its values before any option.
        arguments: the command line.
        prog: how help calls the command.
        namespace: of the config file, whose classes come first.

    Raises:
        InputError: naming an option whose part does not exist, and the names that do.
    """
    value: Any = default
    experiment, arguments = with_parts(value.experiment, arguments, namespace)
    value = dataclasses.replace(value, experiment=experiment)
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        if field.name != "experiment" and dataclasses.is_dataclass(inner) and not isinstance(inner, type):
            inner, arguments = with_parts(inner, arguments, namespace, f"{field.name}.")
            value = dataclasses.replace(value, **{field.name: inner})
    description = options.__doc__ or ""
    if {"-h", "--help"} & set(arguments):
        description += "\n\nParts by their class names, before their own options:\n\n" + "\n\n".join(
            f"--{path} {' | '.join(names)}" for path, names in choices(value.experiment, namespace)
        )
    with REGISTRY, _source_of(namespace):
        return tyro.cli(
            options,
            default=value,
            args=arguments,
            prog=prog,
            description=description,
            config=(tyro.conf.AvoidSubcommands,),
        )


@contextlib.contextmanager
def _source_of(namespace: Mapping[str, Any]) -> Iterator[None]:
    """Lets the parser read the comments of the config file's classes, whose module is gone once the file has run."""
    name = namespace.get("__name__")
    if not isinstance(name, str) or name in sys.modules:
        yield
        return
    module = ModuleType(name)
    module.__dict__.update(namespace)
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]


def with_parts(root: T, arguments: list[str], namespace: Mapping[str, Any], prefix: str = "") -> tuple[T, list[str]]:
    """`root` with the parts that the command line names, and the other arguments.

    Outer parts are put in before inner ones, whatever the order of the options.
    """
    options, rest = _grouped(arguments), []
    named = []
    for number, (option, _) in enumerate(options):
        path = option.removeprefix("--").replace("-", "_")
        if option.startswith("--") and path.startswith(prefix):
            named.append((path.removeprefix(prefix).split("."), number))
    taken = set()
    for path, number in sorted(named, key=lambda item: len(item[0])):
        owner = _walk(root, path[:-1])
        part = None if owner is None else part_of(owner, path[-1])
        if part is not None:
            values = options[number][1]
            root = _replaced(root, path, _value(part, owner, path[-1], values, options[number][0], namespace))
            taken.add(number)
    for number, (option, values) in enumerate(options):
        if number not in taken:
            rest += [option, *values]
    return root, rest


def choices(root: Any, namespace: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each field of an experiment that holds a part, as a path of options, and the names that may stand there."""
    for field in dataclasses.fields(root):
        path, value = f"{prefix}{field.name.replace('_', '-')}", getattr(root, field.name)
        part = part_of(root, field.name)
        if part is not None:
            yield path, [*classes_for(part, root, field.name, namespace), *(["None"] if part.optional else [])]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from choices(value, namespace, f"{path}.")


def part_of(owner: Any, name: str) -> Part | None:
    """What may stand in a field, or None where it holds no part."""
    field = next((field for field in dataclasses.fields(owner) if field.name == name), None)
    if field is None:
        return None
    annotation: Any = field.type
    package = None
    several = False
    while get_origin(annotation) in (Annotated, tuple):
        if get_origin(annotation) is Annotated:
            package = next((item.package for item in annotation.__metadata__ if isinstance(item, PartsIn)), package)
            annotation = get_args(annotation)[0]
        else:
            several, annotation = True, get_args(annotation)[0]
    kinds: tuple[Any, ...] = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    optional = NoneType in kinds
    kinds = tuple(kind for kind in kinds if kind is not NoneType)
    if not kinds or not all(map(_is_kind, kinds)) or (len(kinds) == 1 and _is_plain(kinds[0], optional, several)):
        return None
    return Part(kinds, optional, several, package)


def as_options(old: Any, new: Any, prefix: str = "") -> list[str]:
    """The options that make `new` of `old`, dataclasses of one class.

    Raises:
        ValueError: if a setting that differs cannot be given on the command line.
    """
    options = []
    for field in dataclasses.fields(new):
        path = f"{prefix}{field.name.replace('_', '-')}"
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        if dataclasses.is_dataclass(after) and not isinstance(after, type):
            if type(before) is not type(after):
                options += [f"--{path}", type(after).__name__]
                before = _of_defaults(type(after))
            options += as_options(before, after, f"{path}.")
        elif isinstance(after, tuple) and any(map(dataclasses.is_dataclass, after)):
            options += [f"--{path}", *(type(item).__name__ for item in after)]
            for number, item in enumerate(after):
                options += as_options(_of_defaults(type(item)), item, f"{path}.{number}.")
        elif isinstance(after, bool):
            head, _, last = path.rpartition(".")
            options.append(f"--{path}" if after else f"--{head}{'.' if head else ''}no-{last}")
        else:
            values = after if isinstance(after, tuple) else (after,)
            options += [f"--{path}", *map(_word, values)]
    return options


def _word(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, str | int | float | Path):
        return str(value)
    raise ValueError(f"{value!r} is no value of an option")


def _is_kind(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or getattr(kind, "_is_protocol", False))


def _is_plain(kind: type, optional: bool, several: bool) -> bool:
    """A field of one concrete dataclass, such as `train`, is no choice."""
    return dataclasses.is_dataclass(kind) and not optional and not several


def _grouped(arguments: list[str]) -> list[tuple[str, list[str]]]:
    """Each option with the values that follow it; aliases by their full paths."""
    groups: list[tuple[str, list[str]]] = []
    for argument in arguments:
        if argument.startswith("-") and not argument[1:2].isdigit():
            option, equals, value = argument.partition("=")
            short, dot, inner = option.partition(".")
            groups.append((f"{ALIASES.get(short, short)}{dot}{inner}", [value] if equals else []))
        elif groups:
            groups[-1][1].append(argument)
        else:
            groups.append((argument, []))
    return groups


def _walk(root: Any, path: list[str]) -> Any:
    """The dataclass at the end of a path of fields and positions in tuples; None where there is none."""
    for name in path:
        if isinstance(root, tuple) and name.isdigit() and int(name) < len(root):
            root = root[int(name)]
        elif dataclasses.is_dataclass(root) and name in {field.name for field in dataclasses.fields(root)}:
            root = getattr(root, name)
        else:
            return None
    return root if dataclasses.is_dataclass(root) and not isinstance(root, type) else None


def _replaced(root: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(root, tuple):
        number = int(path[0])
        return (*root[:number], _replaced(root[number], path[1:], value), *root[number + 1 :])
    return dataclasses.replace(root, **{path[0]: _replaced(getattr(root, path[0]), path[1:], value)})


def _value(part: Part, owner: Any, name: str, values: list[str], option: str, namespace: Mapping[str, Any]) -> Any:
    classes = classes_for(part, owner, name, namespace)
    made = []
    for word in values:
        if word not in classes and not (word == "None" and part.optional):
            names = ", ".join([*classes, *(["None"] if part.optional else [])])
            raise InputError(f"{option}: {word} found, expected one of {names}")
        made.append(_of_defaults(classes[word]) if word in classes else None)
    if part.several:
        return tuple(made)
    if len(made) != 1:
        raise InputError(f"{option}: {len(made)} names found, expected one of {', '.join(classes)}")
    return made[0]


def _of_defaults(cls: type) -> Any:
    """An instance with the defaults of its fields; fields without one are left to the command line."""
    required = [
        field.name
        for field in dataclasses.fields(cls)
        if field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if not required:
        return cls()
    part = object.__new__(cls)
    for field in dataclasses.fields(cls):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        object.__setattr__(part, field.name, tyro.MISSING if field.name in required else default)
    return part
