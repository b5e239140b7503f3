"""jzsl beside the same algorithms written plainly in PyTorch, eager and compiled, in one run.

    pip install -e ".[torch]"
    python -m benchmarks.vs_torch [--sizes cub awa2 digits] [--tasks abp wgan softmax knn] [--out FILE.json]

Both learn the same rows with the same networks, minibatches, steps and optimizers (`benchmarks/torch_reference.py`),
one epoch a call, timed in turn. The column `after` shows that they learn alike: ABP's mean loss, the critic's
estimate, the cross-entropy after the timed epochs, or the neighbours' share of right classes.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.abp_step import SIZES
from benchmarks.machine import alternate, describe
from jzsl.classifiers.knn import knn
from jzsl.classifiers.softmax import Softmax
from jzsl.generators.abp import ABP
from jzsl.generators.wgan import WGAN
from jzsl.types import ClassTable, Pool

NEIGHBOURS = 20


@dataclass(frozen=True)
class Options:
    """Time jzsl and PyTorch in turn."""

    sizes: tuple[str, ...] = ("cub", "awa2", "digits")
    """which of digits, cub, awa2, sun"""
    tasks: tuple[Literal["abp", "wgan", "softmax", "knn"], ...] = ("abp", "wgan", "softmax", "knn")
    """what to compare"""
    rows: int = 512
    """rows of an epoch, and queries of the neighbours"""
    references: int = 3000
    """generated rows that vote"""
    rounds: int = 5
    """timed calls, of which the median counts"""
    compiled: bool = True
    """also time torch.compile"""
    out: Path | None = None
    """also write the numbers as JSON"""


class Problem:
    """Rows around a mean of each class, which depends on its semantics."""

    def __init__(self, size: str, rows: int):
        semantics, features, classes = SIZES[size]
        random = np.random.default_rng(0)
        self.semantics = random.normal(size=(classes, semantics)).astype(np.float32)
        self.map = random.normal(size=(semantics, features)).astype(np.float32) / semantics**0.5
        self.y = random.integers(0, classes, rows).astype(np.int32)
        self.x = self.rows(self.y, random)

    def rows(self, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Like scaled features of a network: about half of them zero, few near one."""
        means = 0.2 * self.semantics[y] @ self.map
        return np.clip(means + 0.1 * random.normal(size=means.shape), 0, 1).astype(np.float32)


def ours(task: str, problem: Problem, options: Options) -> Callable[[], Any]:
    """One call of jzsl, compiled; gives the number of the column `after`."""
    table = ClassTable(jnp.asarray(problem.semantics), jnp.ones(len(problem.semantics), bool))
    y, w = jnp.asarray(problem.y), jnp.ones(len(problem.y), jnp.int32)
    x = jnp.asarray(problem.x)
    if task == "knn":
        references, labels, queries = _neighbours(problem, options)
        classifier = knn(NEIGHBOURS)
        voters = classifier.fit(jax.random.key(0), references, labels, jnp.ones_like(labels), table)
        vote: Any = jax.jit(lambda v, q: classifier.logits(v, q, jnp.arange(len(problem.semantics))).argmax(1))
        return lambda: jnp.mean(vote(voters, queries) == y)
    if task == "softmax":
        one = Softmax(epochs=1).build()

        @jax.jit
        def measured(key, x, y, w, table):
            linear = one.fit(key, x, y, w, table)
            scores = x @ linear.weight + linear.bias
            return -jnp.mean(jax.nn.log_softmax(scores)[jnp.arange(len(y)), y])

        return lambda: measured(jax.random.key(0), x, y, w, table)
    generator = (ABP() if task == "abp" else WGAN(classification=0)).build()
    train, state = jax.jit(generator.fit, donate_argnums=0), None
    pool = Pool(x, y, w)
    state = jax.jit(generator.init)(jax.random.key(0), pool, table)

    def epoch():
        nonlocal state
        state, metrics = train(state, pool, table, 1, 1)
        return metrics["loss" if task == "abp" else "wasserstein"]

    return epoch


def _neighbours(problem: Problem, options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voting rows, their classes, and the rows that ask."""
    labels = np.arange(options.references, dtype=np.int32) % len(problem.semantics)
    return problem.rows(labels, np.random.default_rng(1)), labels, problem.x


def theirs(task: str, problem: Problem, options: Options, wrap: Callable[[Any], Any]) -> Callable[[], Any]:
    """The same in PyTorch."""
    import torch  # pyright: ignore[reportMissingImports]

    from benchmarks import torch_reference as reference

    device = "cuda" if torch.cuda.is_available() else "cpu"

    def put(array):
        return torch.from_numpy(np.asarray(array)).to(device)

    data = reference.Data(put(problem.x), put(problem.y).long(), put(problem.semantics))
    if task == "abp":
        return reference.abp_epoch(data, ABP(), wrap)
    if task == "wgan":
        return reference.wgan_epoch(data, WGAN(classification=0), wrap)
    if task == "softmax":
        hyper = Softmax()
        return lambda: reference.softmax_epoch(data, hyper.batch_size, hyper.learning_rate, wrap)()
    references, labels, queries = (put(array) for array in _neighbours(problem, options))
    vote = reference.nearest_neighbours(references, labels.long(), queries, NEIGHBOURS, len(problem.semantics), wrap)
    return lambda: float((vote() == data.y).float().mean())


def main(options: Options) -> None:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        sys.exit('benchmarks.vs_torch: PyTorch is missing; pip install -e ".[torch]"')
    # JAX multiplies float32 in TF32 on a GPU unless told otherwise; give PyTorch the same.
    torch.set_float32_matmul_precision("high" if torch.cuda.is_available() else "highest")
    torch.manual_seed(0)
    console, results = Console(), []
    title = f"jzsl and PyTorch {torch.__version__}, {options.rows} rows, hidden layer 4,096"
    table = Table(title=title)
    for heading in ("task", "size", "jzsl s", "eager s", "times", "compile s", "times", "after: jzsl", "eager"):
        table.add_column(heading, justify="left" if heading in ("task", "size") else "right")
    for size in options.sizes:
        problem = Problem(size, options.rows)
        for task in options.tasks:
            # Every candidate has run equally often when its last value is read.
            last: dict[str, float] = {}

            def noted(name, call, last=last):
                def run():
                    last[name] = float(call())

                return run

            calls = {"jzsl": ours(task, problem, options), "eager": theirs(task, problem, options, lambda f: f)}
            if options.compiled:
                calls["compile"] = theirs(task, problem, options, torch.compile)
            failed = _failing(calls, "compile") if options.compiled else None
            seconds = alternate({name: noted(name, call) for name, call in calls.items()}, options.rounds)
            row = {"task": task, "size": size, "seconds": seconds, "after": last, "torch_compile_failed": failed}
            results.append(row)
            compiled = seconds.get("compile")
            table.add_row(
                task,
                size,
                f"{seconds['jzsl']:.3g}",
                f"{seconds['eager']:.3g}",
                f"{seconds['eager'] / seconds['jzsl']:.1f}",
                "-" if compiled is None else f"{compiled:.3g}",
                "-" if compiled is None else f"{compiled / seconds['jzsl']:.1f}",
                f"{last['jzsl']:.4g}",
                f"{last['eager']:.4g}",
            )
    console.print(table)
    if options.out:
        text = json.dumps({"machine": describe(), "torch": torch.__version__, "results": results}, indent=2)
        options.out.write_text(text + "\n")


def _failing(calls: dict[str, Callable[[], Any]], name: str) -> str | None:
    """Leaves a candidate out that does not run, and says why."""
    try:
        calls[name]()
    except Exception as error:  # what a compiler cannot do it tells in many ways
        del calls[name]
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None


if __name__ == "__main__":
    main(tyro.cli(Options))
