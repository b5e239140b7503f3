"""A full disk, a read-only folder, damaged checkpoints, two processes in one folder, and a clock that jumps."""

import dataclasses
import fcntl
import io
import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.config import Train
from jzsl.driver.load import load_config
from jzsl.driver.runner import run
from jzsl.tasks.zsl import ZSL
from tests.driver.test_runner import assert_same_run, stopping_after

TINY = Path(__file__).parent / "tiny.py"
ARGUMENTS = ["run", str(TINY), "--tasks", "ZSL"]


def test_a_disk_that_fills_loses_nothing(tmp_path):
    """A file system too small for the run: one line, the checkpoints before are whole, and with room it goes on."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        out = small / "run"
        # In a process of its own, with which the store's unfinished tasks go.
        command = [sys.executable, "-m", "jzsl", *ARGUMENTS, "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 1
        message = done.stderr
        assert "cannot be written (no space left); what was saved before is whole" in " ".join(message.split())
        assert "Traceback" not in message
        assert not (out / "result.json").exists()
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        assert main([*ARGUMENTS, "--out", str(out), "--resume"]) == 0
        assert main([*ARGUMENTS, "--out", str(tmp_path / "whole")]) == 0
        assert_same_run(out, tmp_path / "whole")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_read_only_file_system(tmp_path, capfd):
    """A new run is refused, a run that resumes there stops in one line; what it had is untouched."""
    place = tmp_path / "place"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        out = place / "run"
        assert main([*ARGUMENTS, "--out", str(out)]) == 0
        (out / "result.json").unlink()
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        capfd.readouterr()
        assert main([*ARGUMENTS, "--out", str(place / "other")]) == 2
        assert "cannot be made (Read-only file system)" in " ".join(capfd.readouterr().err.split())
        assert main([*ARGUMENTS, "--out", str(out), "--resume"]) == 1
        said = " ".join(capfd.readouterr().err.split())
        assert "cannot be written" in said
        assert "Traceback" not in said
        assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_clock_that_jumps_costs_no_bits(tmp_path, monkeypatch, capfd):
    """Years forth and back, now and then. The store counts its patience by that clock, so a jump within a save may end
    the run in one line, from which it resumes; every number is the same."""
    jumps, real, offset = random.Random(0), time.time, [0.0]

    def jumping() -> float:
        if jumps.random() < 0.005:
            offset[0] = jumps.uniform(-1e9, 1e9)
        return real() + offset[0]

    monkeypatch.setattr(time, "time", jumping)
    out, status = tmp_path / "jumping", 1
    while status:
        status = main([*ARGUMENTS, "--out", str(out), *(["--resume"] if out.exists() else [])])
        if status:
            said = " ".join(capfd.readouterr().err.split())
            assert "--resume goes on from it" in said
            assert "Traceback" not in said
    monkeypatch.undo()
    assert main([*ARGUMENTS, "--out", str(tmp_path / "steady")]) == 0
    assert_same_run(out, tmp_path / "steady")
    assert 0 < json.loads((out / "result.json").read_text())["duration_s"] < 1000


@pytest.mark.parametrize("count", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_damaged_bytes_in_the_newest_checkpoint(tmp_path, count):
    """Flipped, cut or zeroed anywhere: the run ends with the same bits, from this checkpoint or from the one before."""
    config = dataclasses.replace(load_config(TINY), tasks=(ZSL(),), seeds=1, train=Train(5, checkpoint_seconds=0))
    run(config, tmp_path / "whole", False, Console(quiet=True))
    with pytest.MonkeyPatch.context() as patch:
        stopping_after(patch, 4, RuntimeError)
        with pytest.raises(RuntimeError):
            run(config, tmp_path / "stopped", False, Console(quiet=True))
    progress = tmp_path / "stopped" / "checkpoints" / "progress"
    steps = sorted((path for path in progress.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    assert len(steps) == 2
    places = sorted(path for path in steps[-1].rglob("*") if path.is_file())
    moments, outcomes = random.Random(count), Counter()
    for _ in range(count):
        out = tmp_path / "damaged"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "stopped", out)
        place = out / moments.choice(places).relative_to(tmp_path / "stopped")
        content, start = bytearray(place.read_bytes()), moments.randrange(place.stat().st_size)
        kind = moments.choice(["flipped", "cut", "zeroed"])
        if kind == "flipped":
            content[start] ^= 1 << moments.randrange(8)
        elif kind == "cut":
            del content[start:]
        else:
            content[start : start + 16] = bytes(len(content[start : start + 16]))
        place.write_bytes(content)
        said = io.StringIO()
        run(config, out, True, Console(file=said))
        assert_same_run(out, tmp_path / "whole")
        outcomes[kind, "damaged and passed over" if "damaged" in said.getvalue() else "harmless"] += 1
    print(dict(outcomes))


def test_a_second_process_in_the_folder_is_refused(tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*ARGUMENTS, "--out", str(out), "--seeds", "1"]) == 0
    (out / "result.json").unlink()
    with (out / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main([*ARGUMENTS, "--out", str(out), "--seeds", "1", "--resume"]) == 2
        assert "another process is running in it" in " ".join(capsys.readouterr().err.split())
    assert main([*ARGUMENTS, "--out", str(out), "--seeds", "1", "--resume"]) == 0
