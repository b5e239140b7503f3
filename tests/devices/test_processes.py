"""Two real processes on one run, joined on the loopback address: one is lost, and one alone goes on."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jzsl.cli import main
from jzsl.devices.mesh import device_mesh
from jzsl.devices.processes import Cluster
from jzsl.errors import InputError

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"
LONG = ("--train.epochs", "80", "--seeds", "1", "--tasks", "ZSL")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(out, *overrides):
    """Two processes of one device each, that share the rows of a seed."""
    port, environment = free_port(), {**os.environ, "XLA_FLAGS": "", "JAX_NUM_CPU_DEVICES": "1"}
    arguments = [sys.executable, "-m", "jzsl", "run", str(TINY), "--out", str(out), "--devices-per-seed", "2"]
    arguments += ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", *overrides]
    return [
        subprocess.Popen(
            [*arguments, "--process", str(number)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]


def journal(out):
    path = out / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_lost_process_ends_the_run_and_one_alone_resumes_it(tmp_path):
    out = tmp_path / "run"
    first, second = start(out, *LONG)
    try:
        for _ in range(1200):
            if len(journal(out)) > 10 or first.poll() is not None:
                break
            time.sleep(0.1)
        assert first.poll() is None, first.communicate()[1][-3000:]
        second.send_signal(signal.SIGKILL)
        message = first.communicate(timeout=150)[1]
    finally:
        first.kill()
        second.kill()
    # A collective fails at once; whoever waits without one is aborted by JAX after a while. Either way there is a word.
    assert first.returncode in (1, -signal.SIGABRT)
    words = r"(lost another one \(.+\)|was ended from outside, or since another one was lost)"
    assert len(re.findall(f"jzsl: process 0 of 2 {words}; --resume goes on", message)) == 1, message[-3000:]
    assert "Traceback" not in message
    done = len(journal(out))
    assert 10 < done < 80
    assert main(["run", str(TINY), "--out", str(out), "--resume", *LONG]) == 0
    rows = journal(out)
    assert [row["epoch"] for row in rows] == list(range(1, 81))
    assert main(["run", str(TINY), "--out", str(tmp_path / "alone"), *LONG]) == 0
    alone = journal(tmp_path / "alone")
    # Summed in another order the losses agree at first, and drift apart in their last digits.
    assert [row["loss"] for row in rows[:10]] == pytest.approx([row["loss"] for row in alone[:10]], rel=1e-4)
    np.save(tmp_path / "x.npy", np.zeros((2, 6), np.float32))
    assert main(["predict", str(out), str(tmp_path / "x.npy"), "--out", str(tmp_path / "table.csv")]) == 0


def test_a_mistake_ends_all_processes(tmp_path):
    out = tmp_path / "there"
    out.mkdir()
    for number, process in enumerate(start(out, *LONG)):
        message = process.communicate(timeout=120)[1]
        assert process.returncode == 2
        assert ("exists already" if number == 0 else "the first process found a mistake") in message


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (Cluster(coordinator="127.0.0.1:1"), "some are given and some not"),
        (Cluster(coordinator="127.0.0.1:1", processes=2, process=2), "process: 2 found, expected 0 to 1"),
    ],
)
def test_half_a_cluster_is_refused(cluster, message):
    with pytest.raises(InputError, match=message):
        cluster.join()


def test_more_devices_a_seed_than_there_are_is_refused():
    count = 2 * jax.device_count()
    with pytest.raises(InputError, match=f"devices_per_seed: {count} found, but there are {jax.device_count()}"):
        device_mesh(1, count)
