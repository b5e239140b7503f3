"""Replicas as one program equal single trainings: in turn, vectorised, and dealt out over forced host devices."""

import dataclasses
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from rich.console import Console

from jzsl.config import Train
from jzsl.devices.mesh import SAMPLES_MULTIPLE, by_samples, device_mesh, keys_of, shared
from jzsl.devices.replicas import replica, replicate
from jzsl.driver.load import load_config
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.evaluation.views import inductive, view_of
from jzsl.generators.abp import ABP
from jzsl.generators.wgan import WGAN
from jzsl.methods.generative import Generative
from jzsl.tasks.zsl import ZSL
from jzsl.types import Metrics

QUIET = Console(quiet=True)
TINY = Path(__file__).parents[1] / "driver" / "tiny.py"


def plain(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


@cache
def single_runs(config) -> list[tuple[Any, Metrics]]:
    """Two epochs for four seeds, one after another: the final state of each, and its last metrics."""
    view, method = view_of(config.data.load(), multiple=SAMPLES_MULTIPLE), config.method.build(ZSL())
    init, fit, ends = jax.jit(method.init), jax.jit(method.fit), []
    for seed in range(4):
        state, metrics = init(jax.random.key(seed), view.pool, view.classes), {}
        for epochs in (1, 1):
            state, metrics = fit(state, view.pool, view.classes, epochs, epochs)
        ends.append((state, metrics))
    return ends


def assert_equal_to_single_runs(batched, devices, rtol, each=1, config=None):
    """Two epochs for four seeds, `each` devices sharing the rows of one, against the single runs."""
    config = config or load_config(TINY)
    problem = config.data.load()
    view = view_of(problem, multiple=SAMPLES_MULTIPLE)
    method = config.method.build(ZSL())
    mesh = device_mesh(4, each, jax.devices()[:devices])
    assert mesh.size == devices
    pool, classes = by_samples(view.pool, mesh), shared(view.classes, mesh)
    init = jax.jit(replicate(method.init, mesh, (True, False, False), batched))
    traces = []

    def fit(*arguments):
        traces.append(1)
        return method.fit(*arguments)

    step = jax.jit(replicate(fit, mesh, (True, False, False, False, False), batched))
    states = init(keys_of(range(4), mesh), pool, classes)
    for epochs in (1, 1):
        states, metrics = step(states, pool, classes, epochs, epochs)
    assert len(traces) == 1
    if hasattr(states, "latents"):
        part = (4 // mesh.shape["replica"], len(pool.x) // each, states.latents.values.shape[2])
        assert {shard.data.shape for shard in states.latents.values.addressable_shards} == {part}
    for seed, (state, alone) in enumerate(single_runs(config)):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(np.asarray(plain(a)), np.asarray(plain(b)), rtol=rtol, atol=1e-5),
            replica(states, seed),
            state,
        )
        assert float(metrics["loss"][seed]) == pytest.approx(float(alone["loss"]), rel=1e-4)


@pytest.mark.parametrize("batched", [False, True])
def test_one_device(batched):
    assert_equal_to_single_runs(batched, 1, 1e-5)


def test_swept_scalars_are_replicas():
    """Three values of sigma in one program, each the training of a config that has it."""
    config = load_config(TINY)
    view, mesh, sigmas = inductive(config.data.load()), device_mesh(1), (0.1, 0.3, 0.9)
    pool, classes = shared((view.pool, view.classes), mesh)
    method = config.method.build(ZSL())
    init = jax.jit(replicate(method.init, mesh, (True, False, False)))
    states = optax.tree.set(init(keys_of((0, 0, 0), mesh), pool, classes), sigma=jnp.float32(sigmas))
    _, metrics = jax.jit(replicate(method.fit, mesh, (True, False, False, False, False)))(states, pool, classes, 2, 2)
    assert isinstance(config.method, Generative)
    assert isinstance(config.method.generator, ABP)
    for sigma, loss in zip(sigmas, metrics["loss"], strict=True):
        generator = dataclasses.replace(config.method.generator, sigma=sigma)
        single = dataclasses.replace(config.method, generator=generator).build(ZSL())
        _, alone = jax.jit(single.fit)(single.init(jax.random.key(0), pool, classes), pool, classes, 2, 2)
        assert float(loss) == pytest.approx(float(alone["loss"]), rel=1e-5)


def test_resuming_with_another_number_at_once_is_refused(tmp_path):
    config = dataclasses.replace(load_config(TINY), seeds=2, parallel_seeds=2, tasks=(ZSL(),))
    run(config, tmp_path / "run", False, QUIET)
    with pytest.raises(InputError, match="2 parallel seeds, here 1; omit --parallel-seeds"):
        run(dataclasses.replace(config, parallel_seeds=1), tmp_path / "run", True, QUIET)
    assert run(dataclasses.replace(config, parallel_seeds=None), tmp_path / "run", True, QUIET)["T1"]


@pytest.mark.parametrize("parallel_seeds", [2, 3])
def test_a_run_of_groups_is_the_run_of_single_seeds(parallel_seeds, tmp_path):
    """Also where the last group is smaller; rows, results and saved models belong to their seeds."""
    config = dataclasses.replace(load_config(TINY), seeds=3)
    one = run(config, tmp_path / "one", False, QUIET)
    many = run(dataclasses.replace(config, parallel_seeds=parallel_seeds), tmp_path / "many", False, QUIET)
    for name in config.numbers:
        assert many[name]["values"] == pytest.approx(one[name]["values"], abs=0.5)
    rows = [
        {(row["phase"], row["seed"], row["epoch"]): row["loss"] for row in map(json.loads, lines.splitlines())}
        for lines in ((tmp_path / part / "metrics.jsonl").read_text() for part in ("one", "many"))
    ]
    assert rows[0].keys() == rows[1].keys()
    assert list(rows[1].values()) == pytest.approx([rows[0][key] for key in rows[1]], rel=1e-3)
    assert sorted(path.name for path in (tmp_path / "many" / "checkpoints").glob("seed-*")) == [
        "seed-0", "seed-1", "seed-2",
    ]  # fmt: skip


def test_eight_host_devices():
    """In a process of its own, for the number of devices is fixed when JAX starts.

    It keeps no compiled programs: those of several CPU devices, read back from the cache, may wait for each other for
    ever.
    """
    environment = {
        **os.environ,
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8",
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
    }
    found = subprocess.run(
        [sys.executable, "-m", "tests.devices.test_replicas"],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.split() == ["2", "8", "vectorised", "wgan", "run", "data"]


def on_devices():
    """What the process above does: four replicas on two devices and on eight, and a run that deals out its seeds."""
    import tempfile

    for devices, each in ((2, 1), (8, 4)):
        assert_equal_to_single_runs(None, devices, 1e-5, each)
        print(devices)
    # Vectorised, as on accelerators, four replicas on two groups of two devices.
    assert_equal_to_single_runs(True, 4, 1e-5, 2)
    print("vectorised")
    wgan = Generative(generator=WGAN(hidden=16, batch_size=32, classification=0))
    assert_equal_to_single_runs(None, 4, 1e-5, 2, dataclasses.replace(load_config(TINY), method=wgan))
    print("wgan")
    config = dataclasses.replace(load_config(TINY), seeds=3, train=Train(epochs=2), tasks=(ZSL(),))
    assert config.replicas == 3
    with tempfile.TemporaryDirectory() as folder:
        many = run(config, Path(folder) / "many", False, QUIET)
        one = run(dataclasses.replace(config, parallel_seeds=1), Path(folder) / "one", False, QUIET)
        wide = run(
            dataclasses.replace(config, parallel_seeds=1, devices_per_seed=8), Path(folder) / "wide", False, QUIET
        )
    for found, name in ((many, "run"), (wide, "data")):
        for number in config.numbers:
            assert found[number]["values"] == pytest.approx(one[number]["values"], abs=0.5)
        print(name)


if __name__ == "__main__":
    on_devices()
