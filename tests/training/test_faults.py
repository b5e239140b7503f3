"""A full disk, and two processes in one folder."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from jzsl.cli import main
from tests.training.test_runner import assert_same_run

TINY = Path(__file__).parent / "tiny.py"
ARGUMENTS = ["run", str(TINY), "--tasks", "zsl"]


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


def test_a_second_process_in_the_folder_is_refused(tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*ARGUMENTS, "--out", str(out), "--seeds", "1"]) == 0
    (out / "result.json").unlink()
    with (out / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main([*ARGUMENTS, "--out", str(out), "--seeds", "1", "--resume"]) == 2
        assert "another process is running in it" in " ".join(capsys.readouterr().err.split())
    assert main([*ARGUMENTS, "--out", str(out), "--seeds", "1", "--resume"]) == 0
