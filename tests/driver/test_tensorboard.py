"""Event files hold the rows of the journal, once each, also after an interruption."""

import json
import struct
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

from jzsl.cli import main
from jzsl.driver import runner, tensorboard
from tests.driver.test_runner import stopping_after

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"


def scalars(folder):
    """(tag, step) -> values, read record by record: length, its checksum, event, its checksum."""
    found = {}
    for path in sorted(folder.glob("events*")):
        data, start = path.read_bytes(), 0
        while start < len(data):
            (length,) = struct.unpack_from("<Q", data, start)
            event = Event.FromString(data[start + 12 : start + 12 + length])
            start += 16 + length
            for value in event.summary.value:
                found.setdefault((value.tag, event.step), []).append(value.simple_value)
    return found


@pytest.mark.parametrize("interrupted", [False, True])
def test_event_files_are_the_journal(interrupted, tmp_path, monkeypatch):
    out = tmp_path / "run"
    arguments = ["run", str(TINY), "--out", str(out), "--tensorboard", "--tasks", "ZSL"]
    if interrupted:
        with monkeypatch.context() as patch:
            stopping_after(patch, 3, KeyboardInterrupt())
            assert main(arguments) == 130
        arguments.append("--resume")
    assert main(arguments) == 0
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for seed in (0, 1):
        expected = {}
        for row in rows:
            if row["seed"] == seed:
                names = set(row) - {"phase", "seed", "epoch"}
                expected |= {(f"{row['phase']}/{name}", row["epoch"]): [pytest.approx(row[name])] for name in names}
        assert scalars(out / "tensorboard" / f"seed-{seed}") == expected


def test_without_the_writer_the_run_does_not_start(tmp_path, monkeypatch, capsys):
    def missing():
        raise tensorboard.InputError("--tensorboard needs tensorboardX")

    monkeypatch.setattr(runner, "require_tensorboard", missing)
    assert main(["run", str(TINY), "--out", str(tmp_path / "run"), "--tensorboard"]) == 2
    assert "needs tensorboardX" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
