"""The folder of a run: made once, and checked to hold the same run when it is resumed."""

import contextlib
import dataclasses
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from jzsl.config import Experiment
from jzsl.devices.processes import from_first
from jzsl.driver.checkpoints import write_json
from jzsl.driver.plan import pretraining_of
from jzsl.driver.versions import versions
from jzsl.errors import InputError, writing
from jzsl.exchange import differences, encode
from jzsl.problem.problem import Problem
from jzsl.records import read_record

PLACEMENT = ("parallel_seeds", "devices_per_seed", "memory_gb")
"""Fields that say where a run computes, not what; a resumed run may have others."""
_HEADER = {"experiment": dict, "data": dict[str, str], "versions": dict[str, str], "parallel_seeds": int}


def of_run(out: Path, experiment: Experiment, resume: bool) -> Experiment:
    """The experiment; a resumed run has as many parallel seeds as before, unless the experiment gives their number.

    Raises:
        InputError: if the folder exists and is not to be resumed, or holds no run.
    """
    parallel_seeds = from_first(lambda: saved(out)["parallel_seeds"] if resume else _require_new(out))
    return dataclasses.replace(experiment, parallel_seeds=experiment.parallel_seeds or parallel_seeds)


def header_of(experiment: Experiment, problem: Problem) -> dict[str, Any]:
    """What the config.json of a run holds: the experiment, the data and notes on them, the weights that it starts from,
    the versions."""
    methods = [*(stage.method for stage in experiment.stages), experiment.method]
    origin, pretraining = problem.provenance, pretraining_of(methods, experiment.validated[0])
    return {
        "experiment": encode(experiment),
        "parallel_seeds": experiment.replicas,
        "data": {"name": origin.name, "origin": origin.origin, "hash": problem.hash},
        "notes": list(origin.notes),
        "pretraining": None if pretraining is None else pretraining.record(),
        "versions": versions(),
    }


def make(out: Path, header: dict[str, Any]) -> None:
    """Makes the folder of a new run.

    Raises:
        InputError: if that is not possible.
    """
    from_first(lambda: _make(out, header))


def check(out: Path, header: dict[str, Any], console: Console) -> dict[str, Any] | None:
    """Checks that the folder holds the same run; returns its result if it is done.

    Raises:
        InputError: naming the field in which the run to resume differs, or both hashes of its pre-trained weights.
    """
    return from_first(lambda: _check(out, header, console))


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """The folder belongs to this run alone, until it ends in whatever way.

    Raises:
        InputError: if another process is running in it.
    """
    with contextlib.ExitStack() as stack:

        def lock() -> None:
            with writing(out / ".lock"):
                file = stack.enter_context((out / ".lock").open("w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{out}: another process is running in it") from None
            except OSError:  # some network file systems have no locks
                pass

        from_first(lock)
        yield


def require_like(old: dict[str, Any], header: dict[str, Any], name: str, console: Console) -> None:
    """Raises an InputError unless both have the same data and pre-trained weights, and warns of other versions."""
    if old["data"].get("hash") != header["data"]["hash"]:
        raise InputError(
            f"{name} had data of hash {old['data'].get('hash')}, now {header['data']['hash']} "
            f"({header['data']['origin']})"
        )
    before, now = old.get("pretraining"), header.get("pretraining")
    if before is not None and now is not None and before["weights"] != now["weights"]:
        raise InputError(
            f"{name} started from weights of {before['network']} with SHA-256 {before['weights']}, now "
            f"{now['weights']}: the file has changed"
        )
    for change in differences(old["versions"], header["versions"]):
        console.print(f"warning: versions differ, so the last bits may: {change}", style="yellow")


def _require_new(out: Path) -> None:
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out, or --resume the run in it")


def _make(out: Path, header: dict[str, Any]) -> None:
    """The folder gets its name once its config is written: without one it would be no run's."""
    temporary = out.with_name(f".{out.name}.new")
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        write_json(temporary / "config.json", header)
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror})") from error


def saved(out: Path) -> dict[str, Any]:
    """What the config.json of a run holds.

    Raises:
        InputError: if there is none, or it is no run's.
    """
    return read_record(out / "config.json", _HEADER, "the config of a run")


def _check(out: Path, header: dict[str, Any], console: Console) -> dict[str, Any] | None:
    path, old = out / "config.json", saved(out)
    before, now = ({**part["experiment"], **dict.fromkeys(PLACEMENT)} for part in (old, header))
    if changed := list(differences(before, now)):
        raise InputError(f"{path}: the run to resume has another config: {'; '.join(changed)}")
    if old["parallel_seeds"] != header["parallel_seeds"]:
        # The states in checkpoints have one replica per parallel seed.
        before, now = old["parallel_seeds"], header["parallel_seeds"]
        raise InputError(f"{path}: the run to resume has {before} parallel seeds, here {now}; omit --parallel-seeds")
    file = out / "result.json"
    result = json.loads(file.read_text()) if file.exists() else None
    # Earlier versions recorded the weights in results alone.
    started = {"pretraining": old.get("pretraining") or (result or {}).get("pretraining")}
    require_like(old | started, header, f"{path}: the run to resume", console)
    return result
