"""metrics.jsonl: one row of numbers a chunk, cut back to the last checkpoint when a run resumes."""

import json
from pathlib import Path
from typing import Any

from jzsl.errors import writing


class Journal:
    """Appends rows to a JSON-lines file.

    Args:
        path: the file; made if missing.
        keep: rows to keep of what is there; the rest was written after the last checkpoint and will come again.
        writes: whether to touch the file at all, and not only count.
    """

    def __init__(self, path: Path, keep: int = 0, writes: bool = True):
        self._path, self._writes = path, writes
        self.rows = keep
        if not writes:
            return
        kept = path.read_text().splitlines(keepends=True)[:keep] if path.exists() else []
        temporary = path.with_name(f".{path.name}.new")
        with writing(path):
            temporary.write_text("".join(kept))
            temporary.replace(path)

    def append(self, row: dict[str, Any]) -> None:
        if self._writes:
            with writing(self._path), self._path.open("a") as file:
                file.write(json.dumps(row) + "\n")
        self.rows += 1
