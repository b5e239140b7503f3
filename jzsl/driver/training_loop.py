"""The training loop of a run: the items of its plan in chunks of epochs, with metrics and checkpoints."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jzsl.config import Experiment
from jzsl.devices.mesh import on_host
from jzsl.devices.processes import agreed
from jzsl.driver import predictions, saved_model
from jzsl.driver.checkpoints import ProgressStore
from jzsl.driver.divergence import require_finite
from jzsl.driver.events import Advanced, Chosen, Evaluated, Event, Started
from jzsl.driver.interrupt import Interrupted, InterruptFlag
from jzsl.driver.plan import VALIDATION, Item, Plan
from jzsl.driver.progress_record import ProgressRecord
from jzsl.driver.stages import StageStore
from jzsl.driver.timing import CLASSIFY, SAVE, SCORE, TRAIN, Timing, traced
from jzsl.driver.trainer import Trainer
from jzsl.problem.problem import Problem


class TrainingLoop:
    """The items of a plan that are left, one after another; `events` trains them to the end.

    Args:
        experiment: what runs.
        problem: the data.
        plan: the items.
        out: folder of the run.
        interrupt: whether the user asks the run to stop.
        timing: adds up where the time goes.
        stages: finished stages.
        warn: called with a line where an older checkpoint has to do.
        trace_folder: for the trace of one chunk of epochs; None: none is written.

    Attributes:
        record: how far the run is.
    """

    def __init__(
        self,
        experiment: Experiment,
        problem: Problem,
        plan: Plan,
        out: Path,
        interrupt: InterruptFlag,
        timing: Timing,
        stages: StageStore,
        warn: Callable[[str], None],
        trace_folder: Path | None = None,
    ):
        self.experiment, self.problem, self.plan, self.out = experiment, problem, plan, out
        self.interrupt, self.timing, self.stages = interrupt, timing, stages
        self.store = ProgressStore(out / "checkpoints" / "progress")
        self.record, self.state = ProgressRecord(replicas=plan.final.replicas), None
        restored = self.store.restore(self._template, warn)
        if restored:
            state, record = restored
            self.record = ProgressRecord(**{**record, "replicas": self.record.replicas})
            self.state = plan.trainer(self._item(record)).adopt(state)
        self.trace_folder, self.fits = trace_folder, 0
        self.finite: dict[int, dict[str, float]] = {}  # the last metrics of each seed of the item under way
        self.saved_epoch = self.record.epoch
        self.clock = self.saved_at = time.monotonic()

    def _item(self, record: dict[str, Any]) -> Item:
        """The item that a checkpoint holds the state of: the one under way, or the last one that is done."""
        return self.plan.items[record["item"] - (record["epoch"] == 0)]

    def _template(self, record: dict[str, Any]) -> Any:
        """Shapes of the state in a checkpoint, on this run's devices."""
        item = self._item(record)
        return self.plan.trainer(item).template(item.seeds, record["replicas"])

    def close(self) -> None:
        """Releases the files."""
        self.store.close()

    def events(self) -> Iterator[Event]:
        """Runs what is left of the plan."""
        for item in self.plan.items[self.record.item :]:
            yield from self._run(item)

    def _run(self, item: Item) -> Iterator[Event]:
        trainer, record, epochs = self.plan.trainer(item), self.record, self.plan.epochs(item, self.record)
        total = trainer.total(epochs)
        if item.phase != VALIDATION:
            trainer.offset = self.plan.lengths.offset(record) or 0.0
        yield Started(item.title, total, record.epoch)
        state = self._first_state(item, trainer)
        taken = None if item.stage is None or record.epoch else self.stages.take(item, trainer)
        if taken is not None:
            state, record.epoch = taken, total
            yield Advanced(total)
        while record.epoch < total and not self._validated(item):
            chunk = trainer.next_chunk(record.epoch, epochs, self.experiment.train.chunk)
            with traced(self._trace_now(chunk, total)), self.timing(TRAIN):
                state, metrics = trainer.fit(state, record.epoch, chunk, epochs)
                metrics = on_host(metrics)
            record.epoch += chunk
            losses = self._losses(item, metrics, chunk)
            position = trainer.position(record.epoch, epochs)
            if item.stage is not None:
                yield from self._trained(item, losses)
            elif position is not None:
                yield from self._evaluated(item, trainer, state, position, losses, last=record.epoch == total)
            yield Advanced(record.epoch)
            if record.epoch < total and not self._validated(item):
                self._save_if_due(state, item_done=False)
        if item.stage is not None:
            self.stages.keep(item, trainer, state)
        record.item, record.epoch, self.finite = record.item + 1, 0, {}
        self.state = state
        self._save_if_due(state, item_done=True)
        if item.phase == VALIDATION and self.plan.items[record.item].phase != VALIDATION:
            choice = self.plan.lengths.summary(record)
            yield from [] if choice is None else [Chosen(choice)]

    def _validated(self, item: Item) -> bool:
        """Whether a training on validation classes ends before its most epochs."""
        return (item.phase, item.stage) == (VALIDATION, None) and self.plan.lengths.validated(self.record, item.seeds)

    def _first_state(self, item: Item, trainer: Trainer) -> Any:
        """The state to go on with: a checkpoint's, or a new one with the variables of the stage before."""
        before, self.state = self.state, None  # fit uses the state up
        if self.record.epoch:
            return before
        number = self.record.item
        follows = number > 0 and self.plan.items[number - 1].stage is not None
        with self.timing(TRAIN):
            return trainer.init(item.seeds, before if follows else None)

    def _losses(self, item: Item, metrics: dict[str, Any], chunk: int) -> dict[int, dict[str, float]]:
        """The metrics of each seed; raises a DivergedError where one is not finite."""
        last = self.record.epoch
        epochs = f"epoch {last}" if chunk == 1 else f"epochs {last - chunk + 1} to {last}"
        losses = {}
        for number, seed in enumerate(item.seeds):
            losses[seed] = {name: float(values[number]) for name, values in metrics.items()}
            when = f"{item.stage or item.phase} seed {seed}, {epochs}"
            require_finite(losses[seed], self.finite.get(seed, {}), when, self._kept())
            self.finite[seed] = losses[seed]
        return losses

    def _trained(self, item: Item, losses: dict[int, dict[str, float]]) -> Iterator[Event]:
        """The metrics of a stage, which nothing is scored after."""
        for seed, of_seed in losses.items():
            self.record.lines += 1
            position = {"phase": item.phase, "stage": item.stage, "seed": seed, "epoch": self.record.epoch}
            yield Evaluated(self.experiment, position | of_seed)

    def _evaluated(
        self,
        item: Item,
        trainer: Trainer,
        state: Any,
        position: dict[str, int],
        losses: dict[int, dict[str, float]],
        last: bool,
    ) -> Iterator[Event]:
        """Scores every seed, and at the end of the final phase keeps its result, its predictions and its model."""
        with self.timing(CLASSIFY):
            scores = trainer.scores(state)
        for number, seed in enumerate(item.seeds):
            with self.timing(CLASSIFY):
                predictors = scores.predictors(number)
                of_seed = scores.of(predictors, number)
            with self.timing(SCORE):
                measured = trainer.scoring.metrics(of_seed)
            line = {"phase": item.phase, "seed": seed, **position, **losses[seed], **measured, **scores.details(number)}
            self.record.lines += 1
            yield Evaluated(self.experiment, line)
            if item.phase == VALIDATION:
                self.record.validated(self.experiment, seed, measured)
            elif last:
                self.record.results.append(measured)
                with self.timing(SAVE):
                    saved = self.out / "checkpoints" / f"seed-{seed}"
                    saved_model.save(saved, trainer, trainer.model(state, number), predictors, self.problem)
                    predictions.save(self.out, seed, trainer.scoring, of_seed)

    def _trace_now(self, chunk: int, total: int) -> Path | None:
        """The folder for a trace, if this chunk is to be traced: the second one of a run, or its only one."""
        only = len(self.plan.items) == 1 and chunk == total
        self.fits += 1
        return self.trace_folder if self.fits == (1 if only else 2) else None

    def _kept(self) -> str:
        """Which checkpoint is the last one."""
        kept = f"the last good checkpoint in {self.out}"
        if self.saved_epoch:
            return f"{kept} is of epoch {self.saved_epoch}"
        return f"{kept} is of the training before" if self.record.item else "there is no checkpoint yet"

    def _save_if_due(self, state: Any, item_done: bool) -> None:
        """Saves at the end of an item, when the time has come, and when the user asks the run to stop."""
        now = time.monotonic()
        due = now - self.saved_at >= self.experiment.train.checkpoint_seconds
        signum = agreed(self.interrupt.signum or 0)
        if item_done or agreed(due) or signum:
            self.record.seconds += now - self.clock
            self.clock = now
            with self.timing(SAVE):
                self.store.save(state, dataclasses.asdict(self.record))
            self.saved_at, self.saved_epoch = time.monotonic(), self.record.epoch
        if signum and self.record.item < len(self.plan.items):
            raise Interrupted(signum)
