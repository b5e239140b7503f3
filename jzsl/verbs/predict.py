"""`jzsl predict`: classify new feature rows with a saved run."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from jzsl.data.formats.arrays import read_entries, samples_of
from jzsl.driver import saved_model
from jzsl.driver.repeat import recorded
from jzsl.errors import InputError
from jzsl.export.read import Classifies, is_exported, of_run, read_exported


@dataclass(frozen=True)
class PredictOptions:
    """Classify new feature rows with a saved run."""

    model_dir: tyro.conf.Positional[Path]
    """folder of the run, or of an exported model"""
    features: tyro.conf.Positional[Path]
    """feature rows, unscaled: .npy, or `features` in an .npz, .h5 or .mat file"""
    out: Path
    """the table to write: row, class, score, and a column of scores for each class"""
    add_class: tuple[str, ...] = ()
    """NAME=VECTOR.npy, more classes to choose from, known by their semantics alone"""
    config: Path | None = None
    """the config file of the run, if it has classes of its own"""
    seed: int = 0
    """whose model, of a run"""
    task: str | None = None
    """of a run, zsl: among unseen classes; gzsl: among all; by default the run's first task"""


def _model(options: PredictOptions) -> Classifies:
    if is_exported(options.model_dir):
        return read_exported(options.model_dir)
    experiment, _ = recorded(options.model_dir, options.config)
    saved = options.model_dir / "checkpoints" / f"seed-{options.seed}"
    return of_run(saved_model.load(saved, experiment, options.task))


def _new_class(text: str) -> tuple[str, np.ndarray]:
    name, equals, file = text.rpartition("=")
    if not (name and equals and file):
        raise InputError(f"add_class: {text!r} found, expected NAME=VECTOR.npy")
    try:
        return name, np.load(file, allow_pickle=False).ravel()
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"add_class: {file}: not a readable .npy file ({error})") from error


def predict(arguments: list[str]) -> int:
    options = tyro.cli(PredictOptions, args=arguments, prog="jzsl predict")
    trained = _model(options)
    for text in options.add_class:
        trained = trained.with_class(*_new_class(text))
    samples = samples_of(read_entries(options.features), options.features)
    try:
        scores = trained.scores(samples)
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
