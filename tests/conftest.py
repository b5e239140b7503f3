"""Shared set-up: shapes are checked at run time, compiled programs are cached between runs, problems are shared."""

import gc
import os
import resource
from pathlib import Path

# Several test processes share an accelerator.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
# Small programs take longer to compile than to run; flags from outside come later and win.
os.environ["XLA_FLAGS"] = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1 "
    + os.environ.get("XLA_FLAGS", "")
)

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

# Traces and programs are many objects that live long: Python would walk through all of them again and again.
gc.set_threshold(50_000, 20, 20)
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "jzsl" / "tests"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_default_matmul_precision", "highest")

with install_import_hook("jzsl", "beartype.beartype"):
    from jzsl.data.synthetic import LinearGaussian
    from jzsl.evaluation.views import inductive
    from jzsl.types import ClassTable, Pool

LONGEST = (
    "devices/test_replicas.py",
    "devices/test_processes.py",
    "self_training/test_rounds.py",
    "driver/test_images.py",
    "studies/test_self_supervision.py",
    "studies/test_adversarial_studies.py",
    "driver/test_self_supervision.py",
    "test_readme.py",
    "contracts/test_methods.py",
    "studies/test_hardness_studies.py",
    "driver/test_settings.py",
    "driver/test_runner.py",
    "driver/test_kills.py",
    "devices/test_compilation.py",
    "generators/test_wgan.py",
)
"""Files that take half a minute and more, the longest first."""
LARGE = 3_000_000_000
"""Bytes."""
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: of several processes none then starts one of them while the others are done."""
    folder, last = Path(__file__).parent, len(LONGEST)
    rank = {folder / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, last))


@pytest.fixture(scope="module", autouse=True)
def bounded_memory():
    """Where a process has become large, the programs of files that are done are dropped."""
    yield
    statistics = Path("/proc/self/statm")
    if statistics.exists() and int(statistics.read_text().split()[1]) * resource.getpagesize() > LARGE:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real benchmark files beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no benchmark files beside the checkout ({SHARED.name} folder is absent)")
    return SHARED


@pytest.fixture(scope="session")
def problem():
    """A small linear-Gaussian problem."""
    return LinearGaussian(classes=8, unseen=3, samples_per_class=20, features=6, semantics=4, latents=2).load()


@pytest.fixture(scope="session")
def view(problem):
    return inductive(problem)


@pytest.fixture(scope="session")
def pool(view) -> Pool:
    return jax.device_put(view.pool)


@pytest.fixture(scope="session")
def classes(view) -> ClassTable:
    return jax.device_put(view.classes)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)
