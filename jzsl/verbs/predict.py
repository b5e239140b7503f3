"""`jzsl predict`: classify new feature rows with a saved run."""

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import tyro

from jzsl.config import decode
from jzsl.data.arrays import read_entries
from jzsl.errors import InputError
from jzsl.training import model
from jzsl.types import Task


@dataclass(frozen=True)
class PredictOptions:
    """Classify new feature rows with a saved run."""

    run_dir: tyro.conf.Positional[Path]
    """folder of the run"""
    features: tyro.conf.Positional[Path]
    """feature rows, unscaled: .npy, or `features` in an .npz, .h5 or .mat file"""
    out: Path
    """the table to write: row, class, score, and a column of scores for each class"""
    seed: int = 0
    """whose model"""
    task: Task | None = None
    """zsl: among unseen classes; gzsl: among all; by default the run's first task"""


def predict(arguments: list[str]) -> int:
    options = tyro.cli(PredictOptions, args=arguments, prog="jzsl predict")
    path = options.run_dir / "config.json"
    try:
        experiment = decode(json.loads(path.read_text())["experiment"])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected the folder of a run") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the config of a run ({error})") from error
    entries = read_entries(options.features)
    if "features" not in entries:
        raise InputError(f"{options.features}: features: missing; found {', '.join(sorted(entries)) or 'nothing'}")
    trained = model.load(options.run_dir / "checkpoints" / f"seed-{options.seed}", experiment.method, options.task)
    try:
        scores = trained.scores(entries["features"])
    except InputError as error:
        raise InputError(f"{options.features}: {error}") from error
    best = scores.argmax(1)
    temporary = options.out.with_name(f".{options.out.name}.new")
    try:
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "class", "score", *trained.names])
            for row, (column, values) in enumerate(zip(best, scores, strict=True)):
                writer.writerow([row, trained.names[column], values[column], *values])
        os.replace(temporary, options.out)
    except OSError as error:
        raise InputError(f"{options.out}: cannot be written ({error.strerror})") from error
    print(f"{len(scores)} rows classified among {len(trained.names)} classes: {options.out}")
    return 0
