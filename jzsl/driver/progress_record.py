"""The progress of a run, with its metrics on validation classes so far; saved as JSON with the arrays."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jzsl.config import Experiment


@dataclass
class ProgressRecord:
    """The progress of a run.

    Attributes:
        item: how many items of the plan are done.
        epoch: epochs done of the current item.
        lines: lines of metrics.jsonl.
        validation: for each seed, the headline metric after each chunk; with calibration the best calibrated H.
        offsets: for each seed, the calibration offset of that H after each chunk, with calibration.
        results: for each seed done, its final metrics.
        seconds: time spent so far.
        replicas: states in the arrays, padding included.
    """

    item: int = 0
    epoch: int = 0
    lines: int = 0
    validation: list[list[float]] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    results: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    replicas: int = 1

    def validated(self, experiment: Experiment, seed: int, metrics: dict[str, Any]) -> None:
        """Adds the metrics of a seed on validation classes, after a chunk of epochs."""
        if len(self.validation) == seed:
            self.validation.append([])
        first = experiment.tasks[0]
        calibrates = experiment.calibration and first.seen and first.unseen
        self.validation[seed].append(metrics["H_calibrated" if calibrates else first.headline])
        if experiment.calibration:
            if len(self.offsets) == seed:
                self.offsets.append([])
            self.offsets[seed].append(metrics["offset"])

    def epochs(self, experiment: Experiment) -> int:
        """How many epochs the final phase trains: the fixed number, or the one whose mean over seeds is best on
        validation classes, the first of them."""
        train = experiment.train
        if train.epochs is not None:
            return train.epochs
        return min((self._best_chunk() + 1) * train.chunk, train.max_epochs)

    def offset(self, experiment: Experiment) -> float | None:
        """With calibration the median over seeds of the offsets that were best on validation classes after the chosen
        epochs, else None."""
        if not experiment.calibration:
            return None
        chunk = self._best_chunk() if experiment.train.epochs is None else -1
        return float(np.median([offsets[chunk] for offsets in self.offsets]))

    def _best_chunk(self) -> int:
        return int(np.mean(self.validation, axis=0).argmax())
