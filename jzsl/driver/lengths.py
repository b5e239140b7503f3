"""How long the trainings of a run are: in epochs, in learning steps, or chosen on validation classes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from jzsl.config import Experiment
from jzsl.driver.choice import Choice, choose, settled
from jzsl.driver.progress_record import ProgressRecord
from jzsl.interfaces import Method
from jzsl.problem.problem import Problem


def chooses_length(experiment: Experiment, method: Method) -> bool:
    """Whether the length of training is chosen on validation classes: it is not given, and the method needs one."""
    return experiment.train.epochs is None and experiment.train.steps is None and not method.closed_form


def fixed_epochs(experiment: Experiment, problem: Problem) -> int:
    """Epochs of a training on all labelled samples of a problem, where the experiment fixes epochs or steps."""
    method = experiment.method.build(experiment.tasks[0])
    return Lengths.of(experiment, method, problem, None).final(ProgressRecord())


@dataclass(frozen=True)
class Lengths:
    """The lengths of a run's trainings.

    A length that was chosen on validation classes is carried over in learning steps: their training samples are fewer,
    so as many epochs of all training samples would be longer. Self-training has the same number of epochs in every
    round, as STHS has it. Round 0 has at least the chosen steps; later rounds have more, as pseudo-labelled samples
    only add to its labelled ones, and every sample is visited as often as in round 0.

    Attributes:
        experiment: whose they are.
        chosen: whether the length is chosen on validation classes.
        closed_form: whether the method solves for its result, in one epoch.
        validation_steps: learning steps of an epoch on validation classes.
        final_steps: learning steps of an epoch of all labelled samples.
        classes: number of validation classes.
    """

    experiment: Experiment
    chosen: bool
    closed_form: bool
    validation_steps: int
    final_steps: int
    classes: int

    @classmethod
    def of(cls, experiment: Experiment, method: Method, problem: Problem, validation: Problem | None) -> "Lengths":
        """The lengths of a method's trainings on a problem and, if there are any, on its validation classes."""

        def steps(part: Problem | None) -> int:
            samples = 0 if part is None else len(part.splits.train)
            return 1 if method.batch_size is None else max(1, math.ceil(samples / method.batch_size))

        return cls(
            experiment,
            chooses_length(experiment, method),
            method.closed_form,
            steps(validation),
            steps(problem),
            len(problem.splits.validation_classes),
        )

    def validation(self) -> int:
        """Most epochs of a training on validation classes."""
        return self.experiment.train.max_epochs if self.chosen else self._fixed(self.validation_steps)

    def final(self, record: ProgressRecord) -> int:
        """Epochs of a training on all training classes; in self-training of each round."""
        if not self.chosen:
            return self._fixed(self.final_steps)
        epochs = self._epochs(self.choice(record).chosen)
        return math.ceil(epochs * self.validation_steps / self.final_steps)

    def validated(self, record: ProgressRecord, seeds: tuple[int, ...]) -> bool:
        """Whether a training of these seeds on validation classes ends now, before its most epochs.

        The curve of seed 0 decides when, and the others train as long: which seeds train together changes nothing.
        """
        if not self.chosen or not record.validation:
            return False
        if 0 not in seeds:
            return record.epoch >= self._epochs(len(record.validation[0]) - 1)
        train = self.experiment.train
        patience = max(train.patience, math.ceil(train.patience_steps / self.validation_steps))
        return settled(np.array(record.validation[0]), math.ceil(patience / train.chunk), self._first())

    def choice(self, record: ProgressRecord) -> Choice:
        """The choice from the curves of all seeds that were trained on validation classes."""
        return choose(np.array(record.validation), self._first())

    def offset(self, record: ProgressRecord) -> float | None:
        """With calibration the median over seeds of the offsets that were best on validation classes after the chosen
        epochs, else None."""
        if not self.experiment.calibration:
            return None
        evaluation = self.choice(record).chosen if self.chosen else -1
        return float(np.median([offsets[evaluation] for offsets in record.offsets]))

    def summary(self, record: ProgressRecord) -> dict[str, Any] | None:
        """What the result of a run records of the choice; None where the length was given. Epochs and steps are those
        on validation classes, accuracies in percent."""
        if not self.chosen:
            return None
        choice, curves = self.choice(record), record.validation
        epochs = self._epochs(choice.chosen)
        return {
            "epochs": epochs,
            "best": self._epochs(choice.best),
            "last": self._epochs(choice.last),
            "steps": epochs * self.validation_steps,
            "classes": self.classes,
            "evaluated": [self._epochs(number) for number in range(len(choice.smoothed))],
            "curves": curves,
            "smoothed": choice.smoothed.tolist(),
            "standard_error": choice.error.tolist(),
        }

    def _first(self) -> int:
        """The first evaluation that may be chosen."""
        train = self.experiment.train
        return math.ceil(train.min_steps / (self.validation_steps * train.chunk)) - 1

    def _fixed(self, steps_of_epoch: int) -> int:
        """Epochs of a length that is not chosen."""
        train = self.experiment.train
        if self.closed_form:
            return 1
        if train.steps is not None:
            return math.ceil(train.steps / steps_of_epoch)
        return train.epochs or 1

    def _epochs(self, evaluation: int) -> int:
        """Epochs done at an evaluation on validation classes, numbered from 0."""
        train = self.experiment.train
        return min((evaluation + 1) * train.chunk, train.max_epochs)


def in_words(choice: dict[str, Any]) -> str:
    """A sentence about `Lengths.summary`, such as '9 epochs (9 to 21 within one standard error of the best, 12) chosen
    on 15 validation classes, 450 learning steps'."""
    epochs, last, best = choice["epochs"], choice["last"], choice["best"]
    others = f"{epochs} to {last} within one standard error of the best, {best}"
    within = others if last > epochs else "the best by more than one standard error"
    counted = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    return f"{counted} ({within}) chosen on {choice['classes']} validation classes, {choice['steps']} learning steps"
