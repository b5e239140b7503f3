"""Experiments: what a file in configs/ exports as CONFIG, its checks, and its exchange with JSON."""

import dataclasses
import enum
import importlib
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args, runtime_checkable

import jax
import tyro

from jzsl.data.described import described
from jzsl.devices.mesh import ROWS_MULTIPLE
from jzsl.errors import InputError
from jzsl.evaluation.protocol import NUMBERS
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import Scaling
from jzsl.records import fits, words
from jzsl.self_training.sths import STHS
from jzsl.types import Classifier, Generator, Method, Task


@runtime_checkable
class SourceConfig(Protocol):
    """A frozen dataclass that loads a problem."""

    def load(self) -> Problem: ...


@runtime_checkable
class MethodConfig(Protocol):
    """A frozen dataclass of hyper-parameters that makes a method for a task."""

    def build(self, task: Task) -> Method: ...


@runtime_checkable
class GeneratorConfig(Protocol):
    """A frozen dataclass of hyper-parameters that makes a generator."""

    def build(self) -> Generator: ...


@runtime_checkable
class ClassifierConfig(Protocol):
    """A frozen dataclass of hyper-parameters that makes a classifier."""

    def build(self) -> Classifier: ...


@dataclass(frozen=True)
class Train:
    """How long to train, and when to look and to save."""

    epochs: int | None = None
    """fixed number of epochs; None chooses it on validation classes, then trains on all training classes"""
    max_epochs: int = 50
    """most epochs that the choice on validation classes tries"""
    chunk: int = 1
    """epochs between two evaluations (never used for training) and possible checkpoints"""
    checkpoint_seconds: float = 20.0
    """least time between two checkpoints within a seed"""

    def __post_init__(self):
        for name in ("epochs", "max_epochs", "chunk"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"train.{name}: {value} found, expected at least 1")
        if not self.checkpoint_seconds >= 0:
            raise InputError(f"train.checkpoint_seconds: {self.checkpoint_seconds} found, expected zero or more")


@dataclass(frozen=True)
class Experiment:
    """One run: which data, which method, how long, how often."""

    data: SourceConfig
    method: MethodConfig
    train: Train = Train()
    tasks: tuple[Task, ...] = (Task.zsl,)
    """zsl: unseen classes only (T1); gzsl: all classes (U, S, H, AUSUC); adaptation: seen classes in another domain
    (A). The first one chooses the epochs"""
    calibration: bool = False
    """calibrated stacking in the generalized task: a bonus on the scores of unseen classes, the one that gives the
    best H on validation classes after inductive training"""
    scaling: Scaling = Scaling.minmax
    """feature scaling, fitted on training rows"""
    seeds: int = 5
    """number of seeds 0, 1, ... to run"""
    parallel_seeds: int | None = None
    """seeds trained together in one program; None: all where there is an accelerator or more than one device, else
    one after another, which is as fast there and needs the memory of one"""
    devices_per_seed: int = 1
    """devices that share the rows and the minibatches of a seed (data parallel); a divisor of 64. One is best unless
    a pool is too large for a device"""
    samples_per_block: int | None = None
    """training rows that are on the devices at a time; None: all. With fewer, an epoch takes them in blocks, drawn anew
    each time and read from the host's memory or disk while the block before is learned"""
    memory_gb: float | None = None
    """memory that each device may use; None: what it has, or a CPU's share of the machine's"""
    top: tuple[int, ...] = ()
    """k of the top-k accuracies to report beside T1, for problems of very many classes: test rows are then read and
    scored in chunks"""
    self_training: tyro.conf.AvoidSubcommands[STHS | None] = None
    """rounds of self-training on unlabelled rows; None is inductive"""
    semantics: Path | None = None
    """an .npz with class semantics in place of the data's own, matched by class names; `jzsl semantics` writes one"""

    def __post_init__(self):
        for name in ("seeds", "parallel_seeds", "samples_per_block"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: {value} found, expected at least 1")
        if self.samples_per_block and (self.self_training or self.tasks != (Task.zsl,)):
            raise InputError("samples_per_block: given, but only inductive runs of the zsl task take samples in blocks")
        if self.memory_gb is not None and not self.memory_gb > 0:
            raise InputError(f"memory_gb: {self.memory_gb} found, expected a positive number")
        if self.devices_per_seed < 1 or ROWS_MULTIPLE % self.devices_per_seed:
            raise InputError(f"devices_per_seed: {self.devices_per_seed} found, expected a divisor of {ROWS_MULTIPLE}")
        if not self.tasks:
            raise InputError("tasks: none, expected zsl, gzsl or both")
        if len(set(self.tasks)) < len(self.tasks):
            raise InputError("tasks: a task is named twice")
        if self.top and (self.tasks != (Task.zsl,) or self.self_training):
            raise InputError("top: given, but top-k accuracies are of inductive runs of the zsl task alone")
        if self.top and min(self.top) < 1:
            raise InputError(f"top: {min(self.top)} found, expected at least 1")
        if self.self_training and self.train.epochs is None:
            raise InputError("train.epochs: None found, expected a number: self-training trains that many a round")
        found = ", ".join(task.name for task in self.tasks)
        if Task.adaptation in self.tasks and len(self.tasks) > 1:
            raise InputError(f"tasks: {found} found, but adaptation is of other problems than zsl and gzsl")
        if self.self_training and self.self_training.strict and self.tasks != (Task.gzsl,):
            raise InputError(f"tasks: {found} found, but the strict setting knows gzsl alone")
        if self.calibration and Task.gzsl not in self.tasks:
            raise InputError(f"calibration: given for the tasks {found}, expected gzsl among them")
        if getattr(self.method, "needs_unlabelled", False):
            if self.self_training is None or self.self_training.strict:
                raise InputError(
                    "method: it needs unseen rows in a pool of their own; expected self_training, not strict"
                )
            if self.calibration:
                raise InputError("calibration: given, but this method has a threshold of its own between the groups")

    def load(self) -> Problem:
        """The data, with the semantics asked for."""
        problem = self.data.load()
        return problem if self.semantics is None else described(problem, self.semantics)

    @property
    def replicas(self) -> int:
        """How many seeds train together."""
        together = jax.default_backend() != "cpu" or jax.device_count() > 1
        return min(self.seeds, self.parallel_seeds or (self.seeds if together else 1))

    @property
    def groups(self) -> list[tuple[int, ...]]:
        """The seeds, in groups that train together."""
        return [
            tuple(range(first, min(first + self.replicas, self.seeds))) for first in range(0, self.seeds, self.replicas)
        ]

    @property
    def numbers(self) -> list[str]:
        """Names of the numbers that a run reports, in percent."""
        tops = [name for k in dict.fromkeys((1, *self.top)) for name in (f"T{k}", f"hit@{k}")]
        return tops if self.top else [name for task in self.tasks for name in NUMBERS[task]]


def load_config(path: Path) -> Experiment:
    """Runs a config file and returns its CONFIG; raises as `load_namespace` does."""
    return load_namespace(path)["CONFIG"]


def load_namespace(path: Path) -> dict[str, Any]:
    """Runs a config file and returns everything that it defines, an `Experiment` called CONFIG among it.

    Raises:
        InputError: if the file is missing, fails, or does not export an `Experiment` called CONFIG.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such config file")
    try:
        namespace = runpy.run_path(str(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        raise InputError(f"{path}: failed with {type(error).__name__}: {' '.join(str(error).split())}") from error
    if "CONFIG" not in namespace:
        raise InputError(f"{path}: exports no CONFIG; expected CONFIG = jzsl.config.Experiment(...)")
    config = namespace["CONFIG"]
    if not isinstance(config, Experiment):
        raise InputError(f"{path}: CONFIG is a {type(config).__name__}, expected a jzsl.config.Experiment")
    return namespace


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
    found = {_name_of(type(value)): type(value)}
    for field in dataclasses.fields(value):
        found |= classes_of(getattr(value, field.name))
    return found


def _name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def decode(value: Any, like: Any = None, where: str = "config", own: Mapping[str, type] | None = None) -> Any:
    """The inverse of `encode`, for dataclasses of this library; imports nothing else and runs no code from data.

    Args:
        value: JSON values.
        like: a value whose type tells what a plain JSON value stands for.
        where: name of `value` in error messages.
        own: classes outside the package that may occur, by the names that `encode` gives them.

    Raises:
        InputError: naming the entry.
    """
    if isinstance(value, dict):
        cls = (own or {}).get(str(value.get("type"))) or _dataclass_named(value.get("type"), where)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = set(value) - set(fields) - {"type"}
        if unknown:
            raise InputError(f"{where}.{sorted(unknown)[0]}: no such field in {value['type']}")
        hints = {name: _default(field) for name, field in fields.items()}
        given = {
            name: decode(item, hints[name], f"{where}.{name}", own) for name, item in value.items() if name != "type"
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
        return tuple(decode(item, like[0] if isinstance(like, tuple) and like else None, where, own) for item in value)
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
            "if it is a config's own, name the file with --config"
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
