"""Experiments: what a file in configs/ exports as CONFIG, and its checks."""

from dataclasses import dataclass, fields
from pathlib import Path

import jax
import tyro

from jzsl.data.described import described
from jzsl.data.source import SourceConfig
from jzsl.devices.mesh import SAMPLES_MULTIPLE
from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig, Task
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import MinMax, TransformConfig
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL


@dataclass(frozen=True)
class Train:
    """How long to train, and how often to evaluate and to save.

    Without `epochs` and `steps` the length is chosen on validation classes, then all training classes are trained for
    at least as many learning steps. A closed form has no length: it takes one epoch, whatever is given.
    """

    epochs: int | None = None
    """fixed number of epochs, in self-training of each round; None chooses it on validation classes, if there are no
    `steps`"""
    steps: int | None = None
    """instead of epochs, learning steps: the fewest epochs that have so many, in self-training in round 0"""
    max_epochs: int = 50
    """most epochs that the choice on validation classes tries"""
    min_steps: int = 100
    """fewest learning steps that the choice takes: what a hardly trained model scores is luck"""
    patience: int = 8
    """the choice is made once this many further epochs have not moved it"""
    patience_steps: int = 300
    """and these have had so many learning steps: epochs of a small data set have few"""
    validation_seeds: int = 1
    """how many of the seeds train on validation classes, for the choice of length and of the calibration offset"""
    chunk: int = 1
    """epochs between two evaluations (never used for training) and between possible checkpoints"""
    checkpoint_seconds: float = 20.0
    """least time between two checkpoints within a seed"""

    def __post_init__(self):
        counts = (field.name for field in fields(self) if field.name != "checkpoint_seconds")
        for name in counts:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"train.{name}: {value} found, expected at least 1")
        if self.epochs is not None and self.steps is not None:
            raise InputError(
                f"train.steps: {self.steps} found beside train.epochs: {self.epochs}, expected one of the two; where a "
                "config gives the other, add --train.epochs None or --train.steps None"
            )
        if not self.checkpoint_seconds >= 0:
            raise InputError(f"train.checkpoint_seconds: {self.checkpoint_seconds} found, expected zero or more")


@dataclass(frozen=True)
class Stage:
    """A training of another method before the experiment's, which takes over its variables; on the same samples."""

    name: str
    """in its folder's name and on the terminal"""
    method: MethodConfig
    """the method to train"""
    epochs: int
    """number of epochs"""

    def __post_init__(self):
        if not self.name.isidentifier():
            raise InputError(f"stages: name {self.name!r} found, expected letters, digits and underscores")
        if self.epochs < 1:
            raise InputError(f"stages: epochs {self.epochs} found, expected at least 1")


@dataclass(frozen=True)
class Experiment:
    """One run: which data, which method, how long, how often."""

    data: SourceConfig
    method: MethodConfig
    train: Train = Train()
    tasks: tuple[Task, ...] = (ZSL(),)
    """ZSL: unseen classes only (T1); GZSL: all classes (U, S, H, AUSUC); Adaptation: seen classes in another domain
    (A); Discovery, DiscoveryHeldOut: new classes as clusters (ACC_new_pool; ACC_old, ACC_new, ACC_all); Clustering,
    ClusteringHeldOut: clusters without any labels (ACC_pool; ACC); UnlabelledPool, OldHeldOut: where new
    classes are unknown (sizes of clusters; ACC_old). The first one chooses the epochs, in self-training the one whose
    samples are the unlabelled ones"""
    calibration: bool = False
    """calibrated stacking in the generalized task: an offset on the scores of unseen classes, the one that gives the
    best H on validation classes after inductive training; in self-training the scores of every round get it"""
    transform: TransformConfig = MinMax()
    """of the samples, fitted on those of the view, in self-training unlabelled ones too; labels are of training ones"""
    seeds: int = 5
    """number of seeds 0, 1, ... to run"""
    parallel_seeds: int | None = None
    """seeds trained together in one program; None: all on an accelerator or several devices, else one
    after another, which is as fast on a CPU and needs the memory of one"""
    devices_per_seed: int = 1
    """devices that share the samples and the minibatches of a seed (data parallel); a divisor of 64. One is fastest
    where the pool fits on a device"""
    samples_per_block: int | None = None
    """training samples that are on the devices at a time; None: all. With fewer, an epoch takes them in random
    blocks, each read from the host's memory or disk while the one before is trained on"""
    memory_gb: float | None = None
    """memory that each device may use; None: what it has, or a CPU's share of the machine's"""
    top: tuple[int, ...] = ()
    """k of the top-k accuracies to report beside T1, for problems of very many classes: test samples are then read and
    scored in chunks"""
    self_training: tyro.conf.AvoidSubcommands[STHS | None] = None
    """rounds of self-training on unlabelled samples; None is inductive"""
    semantics: Path | None = None
    """an .npz with class semantics instead of the data's, matched by class names; `jzsl semantics` writes one"""
    stages: tuple[Stage, ...] = ()
    """trainings of other methods before the method's, each of which takes over the variables of the one before"""

    def __post_init__(self):
        for name in ("seeds", "parallel_seeds", "samples_per_block"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: {value} found, expected at least 1")
        if self.memory_gb is not None and not self.memory_gb > 0:
            raise InputError(f"memory_gb: {self.memory_gb} found, expected a positive number")
        devices = self.devices_per_seed
        if devices < 1 or SAMPLES_MULTIPLE % devices:
            raise InputError(f"devices_per_seed: {devices} found, expected a divisor of {SAMPLES_MULTIPLE}")
        self._check_tasks()
        self._check_self_training()
        self._check_stages()

    def _check_tasks(self) -> None:
        if not self.tasks:
            raise InputError("tasks: none, expected ZSL, GZSL or both")
        names = ", ".join(task.name for task in self.tasks)
        if len({task.name for task in self.tasks}) < len(self.tasks):
            raise InputError(f"tasks: {names} found, but each task may be named once")
        clusters = any(task.clusters for task in self.tasks)
        if clusters and not all(task.clusters for task in self.tasks):
            raise InputError(f"tasks: {names} found, but those of clusters need another problem than the others")
        if any(not task.unseen for task in self.tasks) and len(self.tasks) > 1 and not clusters:
            raise InputError(f"tasks: {names} found, but adaptation needs another problem than zsl and gzsl")
        unseen_only = len(self.tasks) == 1 and self.tasks[0].unseen and not self.tasks[0].seen
        if self.samples_per_block and (self.self_training or not unseen_only):
            raise InputError("samples_per_block: given, but only inductive runs of the zsl task take samples in blocks")
        if self.top and (not unseen_only or self.self_training):
            raise InputError("top: given, but top-k accuracies are of inductive runs of the zsl task alone")
        if self.top and min(self.top) < 1:
            raise InputError(f"top: {min(self.top)} found, expected at least 1")
        if self.calibration and not any(map(_generalized, self.tasks)):
            raise InputError(f"calibration: given for the tasks {names}, expected gzsl among them")

    def _check_self_training(self) -> None:
        names = ", ".join(task.name for task in self.tasks)
        if self.self_training and any(task.clusters for task in self.tasks):
            raise InputError(
                f"self_training: given, but it assigns samples to known classes, and {names} have clusters"
            )
        if self.self_training and self.self_training.strict and list(map(_generalized, self.tasks)) != [True]:
            raise InputError(f"tasks: {names} found, but the strict setting has the task gzsl alone")
        if getattr(self.method, "needs_unlabelled", False):
            if self.self_training is None or self.self_training.strict:
                raise InputError(
                    "method: it needs samples of unseen classes in a pool of their own; "
                    "expected self_training, not strict"
                )
            if self.calibration:
                raise InputError("calibration: given, but this method has a threshold of its own between the groups")

    def _check_stages(self) -> None:
        if len({stage.name for stage in self.stages}) < len(self.stages):
            raise InputError("stages: a name is given twice, expected different ones")
        if self.stages and self.self_training and not self.self_training.warm:
            raise InputError("stages: given, but each round of this self_training starts afresh; expected warm rounds")
        if self.stages and self.samples_per_block:
            raise InputError("stages: given, but runs that take samples in blocks have none; omit samples_per_block")

    @property
    def unlabelled(self) -> Task | None:
        """The task whose test samples are the unlabelled pool of self-training; None: the run is inductive."""
        if self.self_training is None:
            return None
        if not self.tasks[0].unseen:
            return self.tasks[0]
        default = GZSL() if self.self_training.strict else ZSL()
        same = (task for task in self.tasks if (task.seen, task.unseen) == (default.seen, default.unseen))
        return next(same, default)

    @property
    def validated(self) -> tuple[Task, ...]:
        """The tasks that are scored on validation classes; the headline of the first one chooses the length. In
        self-training that is the task of its rounds, and with calibration the generalized one is another."""
        if self.unlabelled is None:
            return self.tasks
        return (
            self.unlabelled,
            *(task for task in self.tasks if self.calibration and _generalized(task) and task != self.unlabelled),
        )

    def load(self) -> Problem:
        """The data, with the semantics of the file where one is given."""
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
        return self._groups(self.seeds)

    @property
    def validation_groups(self) -> list[tuple[int, ...]]:
        """The seeds that train on validation classes, in groups that train together."""
        return self._groups(min(self.seeds, self.train.validation_seeds))

    def _groups(self, seeds: int) -> list[tuple[int, ...]]:
        return [tuple(range(first, min(first + self.replicas, seeds))) for first in range(0, seeds, self.replicas)]

    @property
    def numbers(self) -> list[str]:
        """Names of the metrics that a run reports, in percent."""
        tops = [name for k in dict.fromkeys((1, *self.top)) for name in (f"T{k}", f"hit@{k}")]
        return tops if self.top else [name for task in self.tasks for name in task.numbers]


def _generalized(task: Task) -> bool:
    return task.seen and task.unseen
