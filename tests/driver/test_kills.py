"""A run that is killed again and again, at random moments of its life, ends with the bits of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import CACHE
from tests.driver.test_runner import assert_same_run

TINY = Path(__file__).with_name("tiny.py")
STARTING = 0.15
"""Share of the kills while a process starts, compiles or restores, before it has made any progress."""


def start(out: Path, epochs: int, *more: str) -> subprocess.Popen[str]:
    options = ["--train.epochs", str(epochs), "--seeds", "2", "--tasks", "ZSL", "--out", str(out), *more]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(CACHE)}
    command = [sys.executable, "-m", "jzsl", "run", str(TINY), *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True)


def lines(out: Path) -> int:
    """Of the journal, a line an epoch here."""
    journal = out / "metrics.jsonl"
    return journal.read_text().count("\n") if journal.exists() else 0


@pytest.mark.parametrize(
    ("kills", "epochs"), [(3, 40), pytest.param(50, 600, marks=pytest.mark.slow)], ids=["few", "fifty"]
)
def test_killed_at_random_moments(tmp_path, kills, epochs):
    """SIGKILL, SIGTERM and SIGINT in turn by chance; while starting, while training, while saving."""
    moments, out, whole = random.Random(kills), tmp_path / "run", tmp_path / "whole"
    assert start(whole, epochs).wait() == 0
    killed: Counter[str] = Counter()
    while True:
        process = start(out, epochs, *(["--resume"] if out.exists() else []))
        assert process.stderr
        before, at_start = lines(out), moments.random() < STARTING
        signum = moments.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGTERM, signal.SIGINT])
        if killed.total() < kills:
            if at_start:
                time.sleep(moments.uniform(0, 3))
            # Rows that a kill cost come again, so fewer than before is progress, too.
            while not at_start and lines(out) == before and process.poll() is None:
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signum)
        status = process.wait()
        said = " ".join(process.stderr.read().split())
        assert "damaged" not in said
        if status == 0:
            break
        assert killed.total() < kills, said
        killed[f"{signal.Signals(signum).name} {'starting' if at_start else 'running'}: {status}"] += 1
        if status > 0 and signum is not signal.SIGINT:
            assert "--resume" in said
        if not at_start:
            assert "Traceback" not in said
    print(dict(killed))
    assert killed.total() >= kills / 2
    assert_same_run(out, whole)
