"""What a run needs and takes: predicted memory, refusals, compilations, timing of time, and a trace."""

import gzip
import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.cli import main
from jzsl.devices import memory
from jzsl.devices.program import Program
from jzsl.driver.load import load_config
from jzsl.driver.timing import COMPILE, Timing
from jzsl.errors import InputError
from jzsl.evaluation.views import inductive

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"


def test_a_program_counts_its_bytes_and_takes_one_set_of_shapes():
    def three(a, b):
        return a @ b, a, b

    program = Program(three)
    square = jax.ShapeDtypeStruct((256, 256), jnp.float32)
    program.compile(square, square)
    one = 4 * 256 * 256
    assert program.bytes in range(5 * one, 6 * one)  # two arguments, three results
    ones = jnp.ones((256, 256))
    assert float(program(ones, ones)[0][0, 0]) == 256
    with pytest.raises(TypeError):
        program(jnp.ones((128, 128)), jnp.ones((128, 128)))


def test_memory_that_is_used_up_is_counted_once():
    program = Program(lambda a: a + 1, uses_up=True)
    program.compile(jax.ShapeDtypeStruct((1024,), jnp.float32))
    assert program.bytes == 4096


def test_a_run_that_cannot_fit_is_refused_with_numbers_and_a_way_out(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", str(TINY), "--out", str(out), "--parallel-seeds", "2", "--memory-gb", "1e-5"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    found = re.search(r"needs ([\d.e-]+) GB on a device, which has 1e-05 GB; what helps: (.+)", message)
    assert found
    assert 1e-5 < float(found[1]) < 1e-2
    assert "--parallel-seeds 1" in found[2]
    assert "half precision" in found[2]
    assert not out.exists()


def test_a_pool_larger_than_the_machine_is_refused_before_it_is_made(monkeypatch):
    problem = load_config(TINY).data.load()
    monkeypatch.setattr(memory, "host_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"a pool of \d+ samples: 0.0 GB needed, but this machine has 0.0 GB"):
        inductive(problem)


def test_the_machine_has_memory():
    assert 2**28 < memory.available(None) <= memory.host_memory()
    assert memory.available(2.0) == 2_000_000_000


def test_timing_add_up_and_compilation_is_one_of_its_own():
    with Timing() as timing:
        with timing("train"):
            jax.jit(lambda x: jnp.sin(x) @ x.T)(np.ones((64, 64), np.float32))
        with timing("train"):
            pass
        total = timing.total
    assert set(timing.seconds) == {"train", COMPILE}
    assert 0 < sum(timing.seconds.values()) <= total
    before = dict(timing.seconds)
    jax.jit(lambda x: x + 2)(1.0)
    assert timing.seconds == before
    table = timing.table(3)
    assert {row[0] for row in table} == {"train", COMPILE, "other"}
    assert [row[1] for row in table] == sorted((row[1] for row in table), reverse=True)
    assert sum(row[2] for row in table) == pytest.approx(100, abs=1)


def test_profile_writes_a_trace_and_a_table(tmp_path, capsys):
    out = tmp_path / "run"
    arguments = [
        "run",
        str(TINY),
        "--out",
        str(out),
        "--profile",
        "--seeds",
        "1",
        "--train.epochs",
        "2",
        "--tasks",
        "ZSL",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "where the time went" in printed
    assert "compile" in printed
    (trace,) = out.glob("profile/plugins/profile/*/perfetto_trace.json.gz")
    names = {event.get("name", "") for event in json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]}
    assert "jzsl train" in names
    assert list(out.glob("profile/plugins/profile/*/*.xplane.pb"))  # TensorBoard's
