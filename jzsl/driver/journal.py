"""metrics.jsonl: a line of metrics per evaluation, cut back to the last checkpoint when a run resumes."""

import json
from pathlib import Path
from typing import Any

from jzsl.driver.events import Evaluated, Event
from jzsl.errors import writing


class Journal:
    """A sink that appends lines to a JSON-lines file.

    Args:
        path: the file; made if missing.
        keep: lines to keep of it; the others were written after the last checkpoint and will be written again.
    """

    def __init__(self, path: Path, keep: int = 0):
        self._path = path
        kept = path.read_text().splitlines(keepends=True)[:keep] if path.exists() else []
        temporary = path.with_name(f".{path.name}.new")
        with writing(path):
            temporary.write_text("".join(kept))
            temporary.replace(path)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Evaluated):
            self.append(event.line)

    def append(self, line: dict[str, Any]) -> None:
        """Appends a line."""
        with writing(self._path), self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Does nothing: no file is kept open."""
