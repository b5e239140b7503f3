"""TensorBoard event files of a run: the lines of metrics.jsonl as scalars, one TensorBoard run per seed."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

from jzsl.driver.events import Evaluated, Event
from jzsl.errors import InputError

_POSITION = ("phase", "stage", "seed", "epoch", "round")


def require_tensorboard() -> None:
    """Raises an InputError if event files cannot be written."""
    if importlib.util.find_spec("tensorboardX") is None:
        raise InputError('--tensorboard needs tensorboardX, which is not installed: pip install "jzsl[tensorboard]"')


class EventFiles:
    """Writes lines as they come. What an interrupted run left is written anew from its journal: no line is there twice.

    Args:
        folder: for the event files; an older one is replaced.
        journal: metrics.jsonl, whose lines come first.
    """

    def __init__(self, folder: Path, journal: Path):
        require_tensorboard()
        if folder.exists():
            shutil.rmtree(folder)
        self._folder = folder
        self._writers: dict[int, Any] = {}
        for line in journal.read_text().splitlines():
            self.append(json.loads(line))

    def __call__(self, event: Event) -> None:
        if isinstance(event, Evaluated):
            self.append(event.line)

    def append(self, values: dict[str, Any]) -> None:
        """A line of the journal: each scalar under PHASE/NAME, or PHASE/STAGE/NAME, at its epoch or round."""
        from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingImports]

        seed, step = values["seed"], values.get("epoch", values.get("round", 0))
        if seed not in self._writers:
            self._writers[seed] = SummaryWriter(str(self._folder / f"seed-{seed}"))
        prefix = "/".join(values[name] for name in ("phase", "stage") if name in values)
        for name, value in values.items():
            if name not in _POSITION and not isinstance(value, list):
                self._writers[seed].add_scalar(f"{prefix}/{name}", value, step)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
