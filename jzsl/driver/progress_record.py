"""The progress of a run, with its metrics on validation classes so far; saved as JSON with the arrays."""

from dataclasses import dataclass, field
from typing import Any

from jzsl.config import Experiment


@dataclass
class ProgressRecord:
    """The progress of a run.

    Attributes:
        item: how many items of the plan are done.
        epoch: epochs done of the current item.
        lines: lines of metrics.jsonl.
        validation: for each seed that trains on validation classes the headline metric after each chunk, of the task
            that chooses the length; with calibration the best calibrated H, where that task is generalized.
        offsets: for each of these seeds the calibration offset of the best H after each chunk, with calibration.
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
        first = experiment.validated[0]
        calibrates = experiment.calibration and first.seen and first.unseen
        self.validation[seed].append(metrics["H_calibrated" if calibrates else first.headline])
        if experiment.calibration:
            if len(self.offsets) == seed:
                self.offsets.append([])
            self.offsets[seed].append(metrics["offset"])
