"""The plan of a run: which trainings it is made of, in which order, and the trainer of each."""

from collections.abc import Sequence
from typing import NamedTuple

from jzsl.config import Experiment, Stage
from jzsl.devices.mesh import SAMPLES_MULTIPLE
from jzsl.driver.lengths import Lengths, chooses_length
from jzsl.driver.programs import Programs
from jzsl.driver.progress_record import ProgressRecord
from jzsl.driver.trainer import Trainer
from jzsl.errors import InputError
from jzsl.evaluation.views import View, require_labelled, require_unlabelled, view_of
from jzsl.interfaces import Method, MethodConfig, Task
from jzsl.problem.pretraining import Pretraining
from jzsl.problem.problem import Problem

VALIDATION, FINAL = "validation", "final"


class Item(NamedTuple):
    """One training of a group of seeds.

    Attributes:
        phase: "validation" or "final".
        stage: the stage of that name before the experiment's own method; None: the method itself.
        seeds: trained together.
    """

    phase: str
    stage: str | None
    seeds: tuple[int, ...]

    @property
    def title(self) -> str:
        """Of its bar of progress."""
        seeds = f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"seeds {self.seeds[0]} to {self.seeds[-1]}"
        return f"{self.phase} {seeds}" if self.stage is None else f"{self.phase} {self.stage} {seeds}"


class Plan(NamedTuple):
    """The items of a run in their order, the trainer of each (phase, stage), and how long they train."""

    items: list[Item]
    trainers: dict[tuple[str, str | None], Trainer]
    stages: tuple[Stage, ...]
    lengths: Lengths

    def trainer(self, item: Item) -> Trainer:
        """The trainer of an item."""
        return self.trainers[item.phase, item.stage]

    def epochs(self, item: Item, record: ProgressRecord) -> int:
        """Epochs of an item, in self-training of each round; the most, where a choice may end it earlier."""
        if item.stage is not None:
            method = next(iter(self.trainer(item).programs.methods.values()))
            epochs = next(stage.epochs for stage in self.stages if stage.name == item.stage)
            return 1 if method.closed_form else epochs
        return self.lengths.validation() if item.phase == VALIDATION else self.lengths.final(record)

    @property
    def final(self) -> Trainer:
        """The trainer whose scores are the result."""
        return self.trainers[FINAL, None]

    @property
    def pretraining(self) -> Pretraining | None:
        """Of the network that the first method with one starts from, in the order of stages."""
        methods = (method for trainer in self.trainers.values() for method in trainer.programs.methods.values())
        return next((method.pretraining() for method in methods if method.pretraining is not None), None)

    @property
    def bytes(self) -> int:
        """Memory that each device needs at most."""
        return max(trainer.bytes for trainer in self.trainers.values())


def plan_of(problem: Problem, experiment: Experiment) -> Plan:
    """The plan of an experiment. Inductive pools have the capacity of all training and unlabelled samples: one
    compilation serves both phases.

    Raises:
        InputError: if the run needs more memory than there is, or the parts of the experiment do not fit together.
    """
    methods = {task: experiment.method.build(task) for task in experiment.validated}
    programs = Programs(experiment, methods)
    method = next(iter(methods.values()))
    _require_discovery(experiment, method)
    validates = chooses_length(experiment, method) or experiment.calibration
    if validates:
        _require_validation_samples(problem, experiment)
    phases = {**({VALIDATION: problem.validation()} if validates else {}), FINAL: problem}
    groups = {VALIDATION: experiment.validation_groups, FINAL: experiment.groups}
    trainers: dict[tuple[str, str | None], Trainer] = {}
    staged = {stage.name: _stage_programs(experiment, stage, programs) for stage in experiment.stages}
    for phase, part in phases.items():
        for stage in experiment.stages:
            trainers[phase, stage.name] = _inductive(part, experiment, staged[stage.name], problem, scored=False)
        if phase == FINAL and experiment.self_training:
            trainers[phase, None] = self_trainer(part, experiment)
        else:
            trainers[phase, None] = _inductive(part, experiment, programs, problem, tunes_offset=phase == VALIDATION)
    names = [*(stage.name for stage in experiment.stages), None]
    for stage, after in zip(experiment.stages, names[1:], strict=True):
        trainers[FINAL, after].require_fitting(trainers[FINAL, stage.name], stage.name)
    items = [Item(phase, name, seeds) for phase in phases for seeds in groups[phase] for name in names]
    return Plan(items, trainers, experiment.stages, Lengths.of(experiment, method, problem, phases.get(VALIDATION)))


def pretraining_of(methods: Sequence[MethodConfig], task: Task) -> Pretraining | None:
    """Of the network that the first of these methods with one starts from, as its file is now."""
    built = (method.build(task) for method in methods)
    return next((method.pretraining() for method in built if method.pretraining is not None), None)


def inductive_trainer(problem: Problem, experiment: Experiment, tunes_offset: bool = False) -> Trainer:
    """A trainer of the experiment's method on a problem's labelled samples alone; see `Trainer` for `tunes_offset`."""
    return _inductive(problem, experiment, Programs(experiment), problem, tunes_offset)


def stage_trainers(problem: Problem, experiment: Experiment) -> list[Trainer]:
    """The trainers of an experiment's stages on a problem, in their order; none of them scores."""
    programs = Programs(experiment)
    staged = [_stage_programs(experiment, stage, programs) for stage in experiment.stages]
    return [_inductive(problem, experiment, each, problem, scored=False) for each in staged]


def self_trainer(problem: Problem, experiment: Experiment) -> Trainer:
    """A trainer of the experiment's self-training."""
    sths = experiment.self_training
    assert sths is not None
    task = experiment.unlabelled
    assert task is not None
    view = view_of(problem, experiment.transform, task, experiment.tasks, multiple=SAMPLES_MULTIPLE)
    classes = int(view.candidates.open.sum())
    procedure = sths.procedure(experiment.method.build(task), view.labelled, view.unlabelled, classes)
    methods = {each: experiment.method.build(each) for each in experiment.tasks}
    return Trainer(problem, view, experiment, Programs(experiment, methods, procedure), unlabelled=task)


def _require_validation_samples(problem: Problem, experiment: Experiment) -> None:
    """Raises an InputError if a task asks about seen classes and none of their training samples is held out."""
    if any(task.seen and task.unseen for task in experiment.validated) and not len(problem.splits.validation_seen):
        chosen = "the calibration offset" if experiment.calibration else "the number of epochs"
        raise InputError(
            f"{problem.provenance.origin}: splits.validation_seen: no samples found, expected some of seen classes: "
            f"{chosen} is chosen on them"
        )


def _require_discovery(experiment: Experiment, method: Method) -> None:
    """Raises an InputError if a task scores clusters and the method knows none, or no number of epochs is given."""
    if not any(task.clusters for task in experiment.tasks):
        return
    names = ", ".join(task.name for task in experiment.tasks)
    if not method.discovers:
        raise InputError(
            f"method: {type(experiment.method).__name__} discovers no classes, so it has no answer to {names}"
        )
    if experiment.train.epochs is None and not method.closed_form:
        raise InputError(f"train.epochs: None found, expected a number: for {names} no class could choose it")


def _inductive(
    problem: Problem,
    experiment: Experiment,
    programs: Programs,
    whole: Problem,
    tunes_offset: bool = False,
    scored: bool = True,
) -> Trainer:
    capacity, size = len(whole.splits.train) + len(whole.splits.unlabelled), experiment.samples_per_block
    if size is not None and len(whole.splits.unlabelled):
        raise InputError("samples_per_block: given, but unlabelled samples are not taken in blocks; omit it")
    view = _view(problem, experiment, programs, capacity)
    if problem is whole:
        method, origin = next(iter(programs.methods.values())), problem.provenance.origin
        require_unlabelled(view, method, origin)
        require_labelled(view, method, origin)
    blocks = None if size is None or size >= capacity else (size, capacity)
    return Trainer(problem, view, experiment, programs, blocks=blocks, tunes_offset=tunes_offset, scored=scored)


def _view(problem: Problem, experiment: Experiment, programs: Programs, capacity: int) -> View:
    tasks = tuple(programs.methods)
    if experiment.samples_per_block is not None and experiment.samples_per_block < capacity:
        return view_of(problem, experiment.transform, tasks=tasks, resident=False)
    return view_of(problem, experiment.transform, tasks=tasks, capacity=capacity, multiple=SAMPLES_MULTIPLE)


def _stage_programs(experiment: Experiment, stage: Stage, programs: Programs) -> Programs:
    """The programs of a stage. Its method is built for the first task; it is never scored."""
    task = next(iter(programs.methods))
    method = stage.method.build(task)
    later = [(type(experiment.method).__name__, programs.methods[task])]
    if stage != experiment.stages[0]:
        later.append((type(stage.method).__name__, method))
    for name, each in later:
        if each.adopt is None:
            raise InputError(f"stages: given, but {name} takes no variables over (no adopt)")
    return Programs(experiment, {task: method}, stage=stage.name)
