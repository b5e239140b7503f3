"""A run that repeats another one, from the record in that run's folder."""

import dataclasses
from pathlib import Path
from typing import Any

from jzsl.config import Experiment
from jzsl.driver.folder import saved
from jzsl.driver.load import load_config
from jzsl.driver.result import read_run
from jzsl.errors import InputError
from jzsl.exchange import classes_of, decode, differences


def recorded(run_dir: Path, config: Path | None = None) -> tuple[Experiment, dict[str, Any]]:
    """The experiment of a run, with as many parallel seeds, and the whole content of its config.json.

    Args:
        run_dir: folder of the run.
        config: the config file of the run, for dataclasses that it defines: a run's folder never names code to run.

    Raises:
        InputError: if the folder is no run's, or this version has no such config.
    """
    header = saved(run_dir)
    try:
        users = None if config is None else classes_of(load_config(config))
        experiment = decode(header["experiment"], users=users)
    except InputError as error:
        raise InputError(f"{run_dir / 'config.json'}: {error}") from error
    if not isinstance(experiment, Experiment):
        raise InputError(f"{run_dir / 'config.json'}: experiment: not an Experiment")
    return dataclasses.replace(experiment, parallel_seeds=header["parallel_seeds"]), header


def changes(run_dir: Path, result: dict[str, Any], metrics: list[str]) -> list[str]:
    """The metrics of a result, seed by seed, that differ from those in the folder's result.json.

    Raises:
        InputError: if that run has no result.
    """
    _, old = read_run(run_dir)
    if missing := [name for name in metrics if name not in old]:
        raise InputError(f"{run_dir / 'result.json'}: not the result of this run ({missing[0]} is missing)")
    before, now = ({name: each[name]["values"] for name in metrics} for each in (old, result))
    return list(differences(before, now))
