"""Names that a user has given to the clusters of a run, in `names.json` in its folder.

Each seed of a run has clusters of its own: new-1 of one seed is not new-1 of another.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from jzsl.driver.checkpoints import read_model_record, write_json
from jzsl.driver.saved_model import Model
from jzsl.errors import InputError
from jzsl.records import read_record

Names = dict[str, str]
"""A cluster's name in the run -> the one that the user has given it."""


def path_of(run_dir: Path) -> Path:
    return run_dir / "names.json"


def read_names(run_dir: Path, seed: int) -> Names:
    """The names given to the clusters of a seed, none where there is no file; an InputError where it is damaged."""
    return _read(run_dir).get(str(seed), {})


def give_names(run_dir: Path, seed: int, names: Names) -> Names:
    """Adds names to those of a seed's clusters, and returns all of them; a later name replaces an earlier one.

    Raises:
        InputError: if the run has no such seed, no such cluster, or a class of that name already.
    """
    record = read_model_record(run_dir / "checkpoints" / f"seed-{seed}")
    classes, count = record["class_names"], record.get("clusters", 0)
    clusters = classes[len(classes) - count :]
    if not clusters:
        raise InputError(
            f"{run_dir}: this run has no clusters to name; its tasks are {', '.join(record['candidates'])}"
        )
    for cluster in names:
        if cluster not in clusters:
            raise InputError(f"classes: {cluster!r} is no cluster of the run, expected {_listed(clusters)}")
    every = _read(run_dir)
    given = every.get(str(seed), {}) | names
    old = {classes[number] for columns in record["candidates"].values() for number in columns} - set(clusters)
    final = [given.get(cluster, cluster) for cluster in clusters]
    for cluster, name in names.items():
        if name in old or final.count(name) > 1:
            kind = "an old class" if name in old else "another cluster"
            raise InputError(f"classes: {cluster}={name}: {kind} has this name already")
    write_json(path_of(run_dir), every | {str(seed): given})
    return given


def named(model: Model, run_dir: Path, seed: int) -> Model:
    """The model of a seed with the names that its clusters were given."""
    names = read_names(run_dir, seed)
    if not names or model.classes.clusters is None:
        return model
    clusters = set(np.asarray(model.classes.clusters).tolist())
    given = (names.get(name, name) if index in clusters else name for index, name in enumerate(model.class_names))
    return dataclasses.replace(model, class_names=tuple(given))


def _read(run_dir: Path) -> dict[str, Names]:
    path = path_of(run_dir)
    if not path.exists():
        return {}
    content: dict[str, Any] = read_record(path, {}, "the names of a run's clusters")
    for seed, names in content.items():
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise InputError(f"{path}: seed {seed}: {names!r} found, expected a name for each cluster")
    return content


def _listed(clusters: list[str]) -> str:
    return ", ".join(clusters) if len(clusters) <= 10 else f"{clusters[0]} to {clusters[-1]}"
