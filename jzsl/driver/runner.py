"""The driver of a run: phases and seeds one after another, in chunks of epochs that end in numbers and checkpoints."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import TaskID

from jzsl.config import Experiment, encode
from jzsl.devices.memory import available
from jzsl.devices.mesh import on_host
from jzsl.devices.processes import agreed, from_first, is_first, require_same
from jzsl.driver import folder, predictions, saved_model
from jzsl.driver.checkpoints import ProgressStore, write_json
from jzsl.driver.divergence import require_finite
from jzsl.driver.interrupt import Interrupted, InterruptFlag
from jzsl.driver.journal import Journal
from jzsl.driver.result import summary
from jzsl.driver.round_trainer import RoundTrainer
from jzsl.driver.run_progress import Standing, epochs, factor, record
from jzsl.driver.stream_trainer import StreamTrainer
from jzsl.driver.tensorboard import EventFiles, require_tensorboard
from jzsl.driver.timing import CLASSIFY, LOAD, PREPARE, SAVE, SCORE, TRAIN, Stages, traced
from jzsl.driver.trainer import Programs, Trainer
from jzsl.driver.versions import versions
from jzsl.problem.problem import Problem
from jzsl.report.terminal import epoch_progress

VALIDATION, FINAL = "validation", "final"


def run(
    experiment: Experiment,
    out: Path,
    resume: bool,
    console: Console,
    stages: Stages | None = None,
    profile: bool = False,
    like: dict[str, Any] | None = None,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Runs an experiment into the folder `out` and returns what result.json holds.

    Nothing is written before config and data have been found good. With `resume`, a run that was stopped or
    killed goes on from its last checkpoint and ends with the same bits.

    Args:
        experiment: what to run.
        out: its folder.
        resume: whether it is there already.
        console: for progress and warnings.
        stages: gathers where the time goes.
        profile: write a trace of one chunk of epochs into the folder `profile` there.
        tensorboard: write event files into the folder `tensorboard` there.
        like: what config.json says of another run, which this one repeats; then the data must be the same.

    Raises:
        InputError: for a mistake in config, data or folder, or if the run needs more memory than there is.
        WriteError: if a file cannot be written; what was saved before is whole.
        DivergedError: if a metric is not finite; the last good checkpoint stays.
        Interrupted: after SIGTERM or SIGINT, once the state is saved.
    """
    stages = stages or Stages()
    if tensorboard:
        require_tensorboard()
    experiment = folder.of_run(out, experiment, resume)
    with InterruptFlag() as interrupt, stages:
        with stages(LOAD):
            problem = experiment.load()
            require_same(problem.hash, "hash of the data")
            for warning in problem.warnings:
                console.print(f"warning: {problem.provenance.origin}: {warning}", style="yellow", markup=False)
        header = {
            "experiment": encode(experiment),
            "parallel_seeds": experiment.replicas,
            "data": {
                "name": problem.provenance.name,
                "origin": problem.provenance.origin,
                "hash": problem.hash,
            },
            "versions": versions(),
        }
        if like is not None:
            from_first(lambda: folder.require_like(like, header, "the run to repeat", console))
        if resume and (done := folder.check(out, header, console)) is not None:
            return done
        with stages(PREPARE), console.status("compiling"):
            trainers = _trainers(problem, experiment)
        if not resume:
            folder.make(out, header)
        _tell_memory(trainers, experiment, console)
        with folder.held(out):
            driver = _Driver(experiment, problem, trainers, out, console, interrupt, stages, profile, tensorboard)
            try:
                result = {**driver.finish(), "data": header["data"], "versions": header["versions"]}
            finally:
                driver.close()
            if is_first():
                write_json(out / "result.json", result)
            return result


def _tell_memory(trainers: dict[str, Trainer], experiment: Experiment, console: Console) -> None:
    needed, there = max(trainer.bytes for trainer in trainers.values()), available(experiment.memory_gb)
    console.print(f"needs {needed / 1e9:.3g} GB of {there / 1e9:.3g} GB on each device")


def _trainers(problem: Problem, experiment: Experiment) -> dict[str, Trainer]:
    """A trainer a phase. Both pools have the capacity of the whole training set: one compilation serves both."""
    programs, capacity = Programs(experiment), len(problem.splits.train)
    trainers: dict[str, Trainer] = {}
    blocks = experiment.samples_per_block is not None and experiment.samples_per_block < capacity
    if experiment.train.epochs is None and blocks:
        trainers[VALIDATION] = StreamTrainer(problem.validation(), experiment, programs, capacity)
    elif experiment.train.epochs is None or experiment.calibration:
        trainers[VALIDATION] = Trainer(problem.validation(), experiment, programs, capacity, choosing=True)
    if experiment.self_training:
        trainers[FINAL] = RoundTrainer(problem, experiment, programs, experiment.self_training)
    elif blocks:
        trainers[FINAL] = StreamTrainer(problem, experiment, programs, capacity)
    else:
        trainers[FINAL] = Trainer(problem, experiment, programs, capacity)
    return trainers


class _Driver:
    """Holds what the loop over phases, seeds and chunks needs; `finish` runs it to the end."""

    def __init__(
        self,
        experiment: Experiment,
        problem: Problem,
        trainers: dict[str, Trainer],
        out: Path,
        console: Console,
        interrupt: InterruptFlag,
        stages: Stages,
        profile: bool,
        tensorboard: bool,
    ):
        self.experiment, self.problem, self.trainers, self.out = experiment, problem, trainers, out
        self.interrupt, self.stages = interrupt, stages
        self.items = [(phase, seeds) for phase in trainers for seeds in experiment.groups]
        self.store = ProgressStore(out / "checkpoints" / "progress")
        self.standing, self.state = Standing(lanes=trainers[FINAL].lanes), None
        found = self.store.restore(self._template, lambda text: console.print(f"warning: {text}", style="yellow"))
        if found:
            self.standing = Standing(**{**found[1], "lanes": self.standing.lanes})
            self.state = trainers[self._item(found[1])[0]].adopt(found[0])
        self.journal = Journal(out / "metrics.jsonl", keep=self.standing.rows, writes=is_first())
        self.events = None
        if tensorboard and is_first():
            self.events = EventFiles(out / "tensorboard", out / "metrics.jsonl")
        self.progress = epoch_progress(console)
        self.trace_folder = out / "profile" if profile else None
        self.fits = 0
        self.finite: dict[int, dict[str, float]] = {}  # the last metrics of each seed of the item under way
        self.saved_epoch = self.standing.epoch
        self.clock = self.saved_at = time.monotonic()

    def _item(self, record: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
        """Phase and seeds of a checkpoint: the item under way, or the last one that is done."""
        return self.items[record["item"] - (record["epoch"] == 0)]

    def _template(self, record: dict[str, Any]) -> Any:
        """Shapes of the state in a checkpoint, on the devices that there are now."""
        phase, seeds = self._item(record)
        return self.trainers[phase].template(seeds, record["lanes"])

    def close(self) -> None:
        """Releases the files."""
        self.store.close()
        if self.events:
            self.events.close()

    def finish(self) -> dict[str, Any]:
        """Runs what is left and returns the result."""
        with self.progress:
            for phase, seeds in self.items[self.standing.item :]:
                self._run_item(phase, seeds)
        return summary(self.experiment, self.problem, self.standing, self.trainers[FINAL].view.setting)

    def _run_item(self, phase: str, seeds: tuple[int, ...]) -> None:
        trainer, standing, count = self.trainers[phase], self.standing, self._epochs_of(phase)
        total = trainer.total(count)
        if phase == FINAL:
            trainer.factor = factor(self.experiment, self.standing) or 0.0
        with self.stages(TRAIN):
            state = self.state if standing.epoch else trainer.init(seeds)
        self.state = None  # fit uses the state up
        title = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
        bar = self.progress.add_task(f"{phase} {title}", total=total, completed=standing.epoch, numbers="")
        while standing.epoch < total:
            chunk = trainer.next_chunk(standing.epoch, count, self.experiment.train.chunk)
            with traced(self._trace_now(chunk, total)), self.stages(TRAIN):
                state, metrics = trainer.fit(state, standing.epoch, chunk, count)
                metrics = on_host(metrics)
            standing.epoch += chunk
            for number, seed in enumerate(seeds):
                losses = {name: float(values[number]) for name, values in metrics.items()}
                require_finite(
                    losses, self.finite.get(seed, {}), f"{phase} seed {seed}, {self._epochs(chunk)}", self._kept()
                )
                self.finite[seed] = losses
            if (place := trainer.place(standing.epoch, count)) is not None:
                for number, seed in enumerate(seeds):
                    losses = {name: float(values[number]) for name, values in metrics.items()}
                    self._look(bar, phase, seed, place, losses, state, number, last=standing.epoch == total)
            if standing.epoch == total:
                standing.item, standing.epoch, self.finite = standing.item + 1, 0, {}
            self.progress.update(bar, completed=standing.epoch or total)
            self._save_if_due(state, item_done=standing.epoch == 0)
            if standing.epoch == 0:
                return

    def _look(
        self,
        bar: TaskID,
        phase: str,
        seed: int,
        place: dict[str, int],
        losses: dict[str, float],
        state: Any,
        number: int,
        last: bool,
    ) -> None:
        """Scores one replica, writes its row, and at the end of the final phase its result and its model."""
        trainer = self.trainers[phase]
        with self.stages(CLASSIFY):
            predictors = trainer.predictors(state, number)
            scores = trainer.test_scores(state, predictors, number)
        with self.stages(SCORE):
            numbers = trainer.numbers(scores)
        row = {"phase": phase, "seed": seed, **place, **losses, **numbers, **trainer.details(state, number)}
        self.journal.append(row)
        if self.events:
            self.events.append(row)
        self.standing.rows = self.journal.rows
        self._show(bar, seed, place, losses, numbers)
        if phase == VALIDATION:
            record(self.experiment, self.standing, seed, numbers)
        elif last:
            self.standing.results.append(numbers)
            with self.stages(SAVE):
                saved = self.out / "checkpoints" / f"seed-{seed}"
                saved_model.save(saved, trainer, trainer.model(state, number), predictors, self.problem)
                predictions.save(self.out, seed, trainer, scores)

    def _trace_now(self, chunk: int, total: int) -> Path | None:
        """The folder for a trace, if this chunk is to be traced: the second one of a run, or its only one."""
        only = len(self.items) == 1 and chunk == total
        self.fits += 1
        return self.trace_folder if self.fits == (1 if only else 2) else None

    def _show(self, bar: TaskID, seed: int, place: dict[str, int], losses: dict[str, float], numbers: dict[str, float]):
        """The newest numbers beside the bar; of a round also a line of its own that stays."""
        shown = "  ".join(f"{task.headline} {numbers[task.headline]:.1f}" for task in self.experiment.tasks)
        self.progress.update(bar, numbers=shown)
        if "round" in place:
            relabelled = f"  {100 * losses['changed']:.0f} % relabelled" if place["round"] else ""
            self.progress.console.print(
                f"seed {seed}  round {place['round']}  {losses['selected']:.0f} rows  {shown}  "
                f"class entropy {losses['frequency_entropy']:.2f}{relabelled}"
            )

    def _epochs_of(self, phase: str) -> int:
        train = self.experiment.train
        if phase == VALIDATION and train.epochs is None:
            return train.max_epochs
        return epochs(self.experiment, self.standing)

    def _epochs(self, chunk: int) -> str:
        last = self.standing.epoch
        return f"epoch {last}" if chunk == 1 else f"epochs {last - chunk + 1} to {last}"

    def _kept(self) -> str:
        """Which checkpoint is the last one."""
        item, name = self.standing.item, f"the last good checkpoint in {self.out}"
        if self.saved_epoch:
            return f"{name} is of epoch {self.saved_epoch}"
        return f"{name} is of the item before" if item else "there is no checkpoint yet"

    def _save_if_due(self, state: Any, item_done: bool) -> None:
        now = time.monotonic()
        due = now - self.saved_at >= self.experiment.train.checkpoint_seconds
        asked = agreed(self.interrupt.signum or 0)
        if item_done or agreed(due) or asked:
            self.standing.seconds += now - self.clock
            self.clock = now
            with self.stages(SAVE):
                self.store.save(state, dataclasses.asdict(self.standing))
            self.saved_at, self.saved_epoch = time.monotonic(), self.standing.epoch
        if asked and self.standing.item < len(self.items):
            raise Interrupted(asked)
