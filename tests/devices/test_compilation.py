"""The persistent cache of compiled programs, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = "from jzsl.cli import main; raise SystemExit(main())"


def run(arguments, cache, **environment):
    """Keeps every program, so that none is missing where compilation is fast."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JAX_COMPILATION")}
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    every = {"XDG_CACHE_HOME": str(cache), "JAX_LOG_COMPILES": "0", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = {**clean, **every, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def times(cache: Path) -> dict[str, int]:
    """When each program was written."""
    return {path.name: path.stat().st_mtime_ns for path in (cache / "jzsl" / "programs").glob("*-cache")}


def test_programs_outlive_the_process(tmp_path):
    """The second run writes no program anew; a folder that cannot be made stops nobody; another one may be named."""
    study = ["study", "sphere-surface", "--epochs", 1, "--seeds", 2, "--out"]
    cache = tmp_path / "cache"
    assert run([*study, tmp_path / "one"], cache).returncode == 0
    programs = times(cache)
    assert any(name.startswith("jit_fit-") for name in programs)
    assert run([*study, tmp_path / "two"], cache).returncode == 0
    assert times(cache) == programs
    (tmp_path / "file").write_text("in the way")
    assert run([*study, tmp_path / "three"], tmp_path / "file").returncode == 0
    other = tmp_path / "other"
    found = run([*study, tmp_path / "four"], tmp_path / "unused", JAX_COMPILATION_CACHE_DIR=str(other))
    assert found.returncode == 0
    assert other.is_dir()
    assert not (tmp_path / "unused" / "jzsl").exists()


@pytest.mark.parametrize(
    ("variables", "kept"),
    [
        ({}, True),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}, True),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}, False),
        ({"JAX_NUM_CPU_DEVICES": "2"}, False),
    ],
)
def test_several_devices_of_a_cpu_keep_no_programs(variables, kept, tmp_path):
    """Read back, their collectives may wait for each other forever."""
    program = (
        "import jax; from jzsl.devices.compilation import keep_programs; folder = keep_programs(); "
        "print(folder is not None, jax.config.jax_enable_compilation_cache)"
    )
    clean = {key: value for key, value in os.environ.items() if key not in ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")}
    environment = {**clean, "XDG_CACHE_HOME": str(tmp_path), **variables}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True).stdout
    assert printed.split() == [str(kept)] * 2


@pytest.mark.parametrize(
    ("variables", "least"), [({}, 0.2), ({"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "3"}, 3.0)]
)
def test_the_least_time_of_compilation_may_be_chosen(variables, least, tmp_path):
    program = (
        "import jax; from jzsl.devices.compilation import keep_programs; keep_programs(); "
        "print(jax.config.values['jax_persistent_cache_min_compile_time_secs'])"
    )
    chosen = ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
    clean = {key: value for key, value in os.environ.items() if key not in chosen}
    environment = {**clean, "XDG_CACHE_HOME": str(tmp_path), **variables}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True).stdout
    assert float(printed) == least
