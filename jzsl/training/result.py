"""The result of a finished run, read back and checked."""

from pathlib import Path
from typing import Any

from jzsl.errors import InputError
from jzsl.records import read_record, require_record

_RESULT = {"setting": str, "data": dict[str, str], "features": dict[str, str], "semantics": str, "seeds": list[int],
           "epochs": int, "epochs_chosen": bool, "factor": float | None, "class_prior": str, "rounds": int,
           "duration_s": float}  # fmt: skip
_NUMBER = {"mean": float, "std": float, "values": list[float]}


def read_run(run_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What config.json and result.json of a run hold.

    Raises:
        InputError: naming the file and the entry.
    """
    config = read_record(run_dir / "config.json", {"experiment": dict}, "the config of a run")
    path, what = run_dir / "result.json", "the result of a run"
    result = read_record(path, _RESULT, what)
    for name, entry in result.items():
        if isinstance(entry, dict) and {"mean", "std"} <= set(entry):
            require_record(entry, _NUMBER, f"{path}: not {what}: {name}")
            if len(entry["values"]) != len(result["seeds"]):
                raise InputError(
                    f"{path}: not {what} ({name}: {len(entry['values'])} values for {len(result['seeds'])} seeds)"
                )
    return config, result
