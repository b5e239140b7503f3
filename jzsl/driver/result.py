"""The result of a run: put together at its end, read back and checked later."""

from pathlib import Path
from typing import Any

import numpy as np

from jzsl.config import Experiment
from jzsl.driver.plan import Plan
from jzsl.driver.progress_record import ProgressRecord
from jzsl.errors import InputError
from jzsl.problem.problem import Problem
from jzsl.records import read_record, require_record
from jzsl.types import Setting

_RESULT = {"setting": str, "data": dict[str, str], "features": dict[str, str], "semantics": str, "seeds": list[int],
           "epochs": int, "epochs_chosen": bool, "offset": float | None, "class_prior": str,
           "rounds": int, "duration_s": float}  # fmt: skip
_METRIC = {"mean": float, "std": float | None, "values": list[float]}
_CHOICE = {"epochs": int, "best": int, "last": int, "steps": int, "classes": int, "evaluated": list[int],
           "curves": list[list[float]], "smoothed": list[float], "standard_error": list[float]}  # fmt: skip


def read_run(run_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What config.json and result.json of a run hold.

    Raises:
        InputError: naming the file and the entry.
    """
    config = read_record(run_dir / "config.json", {"experiment": dict}, "the config of a run")
    path, what = run_dir / "result.json", "the result of a run"
    result = read_record(path, _RESULT, what)
    choice = result.setdefault("choice", None)  # earlier versions recorded none
    if choice is not None:
        _require_choice(choice, f"{path}: not {what}: choice")
    for name, entry in result.items():
        if isinstance(entry, dict) and {"mean", "std"} <= set(entry):
            require_record(entry, _METRIC, f"{path}: not {what}: {name}")
            if len(entry["values"]) != len(result["seeds"]):
                raise InputError(
                    f"{path}: not {what} ({name}: {len(entry['values'])} values for {len(result['seeds'])} seeds)"
                )
    return config, result


def _require_choice(choice: Any, where: str) -> None:
    """Raises an InputError that begins with `where` unless this is what `Lengths.summary` makes."""
    require_record(choice, _CHOICE, where)
    evaluated = choice["evaluated"]
    if {len(part) for part in (*choice["curves"], choice["smoothed"], choice["standard_error"])} != {len(evaluated)}:
        raise InputError(f"{where} (curves of different lengths)")
    for name in ("epochs", "best", "last"):
        if choice[name] not in evaluated:
            raise InputError(f"{where} ({name}: {choice[name]} found, which was not evaluated)")


def _clusters(problem: Problem) -> dict[str, Any] | None:
    """How many clusters a problem has, whether that number was given or estimated, how many classes its new samples are
    of where each has a label, and the difference; None for a problem without clusters."""
    if not problem.clusters:
        return None
    classes = None if len(problem.unknown_samples) else len(np.unique(problem.labels[problem.new_samples])) or None
    return {
        "number": problem.clusters,
        "how": problem.provenance.clusters,
        "classes": classes,
        "error": None if classes is None else problem.clusters - classes,
    }


def summary(
    experiment: Experiment, problem: Problem, record: ProgressRecord, plan: Plan, setting: Setting
) -> dict[str, Any]:
    """The result.json of a finished run, without data and versions; metrics in percent.

    One seed has no standard deviation: `std` is null. A method that starts from pre-trained weights is recorded with
    them, and `backbone` is then what they were learned on.
    """
    lengths, pretraining = plan.lengths, plan.pretraining
    backbone = problem.provenance.backbone if pretraining is None else pretraining.backbone
    sths, extraction = experiment.self_training, problem.provenance.extraction
    result: dict[str, Any] = {
        "setting": setting.value,
        "clusters": _clusters(problem),
        "tasks": [task.name for task in experiment.tasks],
        "features": {
            "name": problem.provenance.features,
            "hash": problem.hash,
            "backbone": backbone.name,
        },
        "pretraining": None if pretraining is None else pretraining.record(),
        "extraction": None if extraction is None else extraction.record(),
        "semantics": problem.provenance.semantics,
        "seeds": list(range(experiment.seeds)),
        "epochs": lengths.final(record),
        "epochs_chosen": lengths.chosen,
        "choice": lengths.summary(record),
        "offset": lengths.offset(record),
        "class_prior": "uniform" if sths is None else sths.class_prior,
        "rounds": 0 if sths is None else sths.rounds,
        "duration_s": record.seconds,
    }
    for name in experiment.numbers:
        values = [metrics[name] for metrics in record.results]
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        result[name] = {"mean": float(np.mean(values)), "std": spread, "values": values}
    return result
