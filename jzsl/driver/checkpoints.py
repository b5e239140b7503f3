"""Checkpoints of a run: its progress, and each seed's finished model. Orbax writes to a new folder and renames it, so
an interrupted save leaves the earlier ones whole."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding

from jzsl.errors import InputError, writing

# Orbax logs errors to absl, and its tasks to asyncio, that are raised here or reported in one line.
logging.getLogger("absl").setLevel(logging.CRITICAL)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

_KEPT = 2


class ProgressStore:
    """The last two states of a running run, each with a JSON record of the run's progress."""

    def __init__(self, folder: Path):
        self._manager = ocp.CheckpointManager(
            folder.resolve(),
            options=ocp.CheckpointManagerOptions(max_to_keep=_KEPT, enable_async_checkpointing=False),
        )

    def save(self, state: Any, record: dict[str, Any]) -> None:
        """Writes state and record as the newest checkpoint."""
        step = max(self._manager.all_steps(), default=0) + 1
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(_sealed(record)))
        with writing(Path(self._manager.directory)):
            self._manager.save(step, args=arguments, force=True)
            self._manager.wait_until_finished()

    def restore(
        self, template: Callable[[dict[str, Any]], Any], warn: Callable[[str], None]
    ) -> tuple[Any, dict[str, Any]] | None:
        """The newest readable checkpoint, or None if there is none.

        Args:
            template: a checkpoint's record -> a state of the same structure, or its shapes and dtypes.
            warn: called with a line about each damaged checkpoint that was passed over.

        Raises:
            InputError: if there are checkpoints and none is readable.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for step in steps:
            try:
                read = ocp.args.Composite(record=ocp.args.JsonRestore())
                record = _opened(self._manager.restore(step, args=read)["record"])
                wanted = ocp.args.Composite(state=ocp.args.StandardRestore(template(record)))
                return self._manager.restore(step, args=wanted)["state"], record
            except Exception as error:  # what damaged bytes raise is not specified
                reason = " ".join(str(error).split())[:200]
                warn(f"checkpoint {step} is damaged and passed over ({type(error).__name__}: {reason})")
        if steps:
            raise InputError(f"{self._manager.directory}: none of the {len(steps)} checkpoints is readable")
        return None

    def close(self) -> None:
        self._manager.close()


def save_model(folder: Path, model: Any, record: dict[str, Any]) -> None:
    """Writes a finished model and its record as one folder, replacing an older one."""
    with writing(folder), ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        arguments = ocp.args.Composite(model=ocp.args.StandardSave(model), record=ocp.args.JsonSave(_sealed(record)))
        checkpointer.save(folder.resolve(), arguments, force=True)


def read_model_record(folder: Path) -> dict[str, Any]:
    """The record of a saved model.

    Raises:
        InputError: if the folder is missing or not readable.
    """
    try:
        return _opened(_restore(folder, record=ocp.args.JsonRestore())["record"])
    except ValueError as error:
        raise InputError(f"{folder}: not readable ({error})") from error


def read_model(folder: Path, abstract_model: Any) -> Any:
    """A saved model with the structure of `abstract_model`, on one device whatever devices saved it.

    Raises:
        InputError: if the folder is missing or not readable.
    """
    one_device = SingleDeviceSharding(jax.local_devices()[0])
    abstract_model = jax.tree.map(lambda leaf: leaf.update(sharding=one_device), abstract_model)
    return _restore(folder, model=ocp.args.StandardRestore(abstract_model))["model"]


def _sealed(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its checksum: the array store has its own, JSON has none."""
    return {"record": record, "sha256": _checksum(record)}


def _opened(sealed: Any) -> dict[str, Any]:
    """The record; a ValueError if a byte of it has changed."""
    if not isinstance(sealed, dict) or sealed.get("sha256") != _checksum(sealed.get("record")):
        raise ValueError("the record does not have its checksum")
    return sealed["record"]


def _checksum(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _restore(folder: Path, **items) -> Any:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such saved model")
    try:
        with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
            return checkpointer.restore(folder.resolve(), ocp.args.Composite(**items))
    except Exception as error:  # what damaged bytes raise is not specified
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{folder}: not readable ({type(error).__name__}: {reason})") from error


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that the file is either the old or the new one, whole."""
    temporary = path.with_name(f".{path.name}.new")
    with writing(path):
        with temporary.open("w") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
