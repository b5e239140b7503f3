"""Where a run stands, and what its validation classes have decided by then."""

from dataclasses import dataclass, field

import numpy as np

from jzsl.config import Experiment
from jzsl.tasks.gzsl import GZSL


@dataclass
class Standing:
    """Where a run stands; saved as JSON beside the arrays of every checkpoint.

    Attributes:
        item: how many (phase, group of seeds) items are done.
        epoch: epochs done of the current item.
        rows: rows of metrics.jsonl.
        validation: for each seed, the headline number after each chunk; with calibration the best calibrated H.
        factors: for each seed, the factor of that H after each chunk, with calibration.
        results: for each seed done, its final numbers.
        seconds: time spent so far.
        lanes: replicas in the arrays, those that only fill up included.
    """

    item: int = 0
    epoch: int = 0
    rows: int = 0
    validation: list[list[float]] = field(default_factory=list)
    factors: list[list[float]] = field(default_factory=list)
    results: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    lanes: int = 1


def record(experiment: Experiment, standing: Standing, seed: int, numbers: dict[str, float]) -> None:
    """Adds the numbers of a seed on validation classes, after a chunk of epochs."""
    if len(standing.validation) == seed:
        standing.validation.append([])
    calibrates = experiment.calibration and experiment.tasks[0] == GZSL()
    standing.validation[seed].append(numbers["H_calibrated" if calibrates else experiment.tasks[0].headline])
    if experiment.calibration:
        if len(standing.factors) == seed:
            standing.factors.append([])
        standing.factors[seed].append(numbers["factor"])


def epochs(experiment: Experiment, standing: Standing) -> int:
    """How many epochs the final phase trains: the fixed number, or the one whose mean over seeds is best on validation
    classes, the first of them."""
    train = experiment.train
    if train.epochs is not None:
        return train.epochs
    return min((_best_chunk(standing) + 1) * train.chunk, train.max_epochs)


def factor(experiment: Experiment, standing: Standing) -> float | None:
    """With calibration the median over seeds of the factors that were best on validation classes after the chosen
    epochs, else None."""
    if not experiment.calibration:
        return None
    chunk = _best_chunk(standing) if experiment.train.epochs is None else -1
    return float(np.median([factors[chunk] for factors in standing.factors]))


def _best_chunk(standing: Standing) -> int:
    return int(np.mean(standing.validation, axis=0).argmax())
