"""The cost of an epoch of HAS against one of APN, by the steps of its perturbation.

    python -m benchmarks.adversarial_step [--steps 0 1 3] [--channels 32 64] [--side 32] [--rounds 5] [--out FILE.json]

All blocks learn, so a step of APN is a pass forwards and two backwards, to images and to weights. T steps of
the perturbation are T passes forwards and T to the images, and then the images are trained on again: at most T + 2
times.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import alternate, describe
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN
from jzsl.methods.has import HAS
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, Pool

_ATTRIBUTES, _CLASSES = 85, 40


@dataclass(frozen=True)
class Options:
    """Time epochs of HAS and of APN."""

    steps: tuple[int, ...] = (0, 1, 3)
    """T, steps of the perturbation"""
    channels: tuple[int, ...] = (32, 64)
    """of the network's blocks"""
    side: int = 32
    """pixels of an image's side"""
    minibatches: int = 4
    """of 64 images, in an epoch"""
    rounds: int = 5
    """timed epochs, of which the median counts"""
    out: Path | None = None
    """also write the numbers as JSON"""


def main(options: Options) -> None:
    random = np.random.default_rng(0)
    count = 64 * options.minibatches
    y = jnp.asarray(random.integers(0, _CLASSES, count), jnp.int32)
    x = jnp.asarray(random.integers(0, 256, (count, options.side, options.side, 3)), jnp.uint8)
    pool = Pool(x, y, jnp.ones(count, jnp.int32))
    classes = ClassTable(jnp.asarray(random.random((_CLASSES, _ATTRIBUTES)), jnp.float32), jnp.ones(_CLASSES, bool))
    epochs = {}
    for steps in options.steps:
        method = HAS(APN(SmallCNN(options.channels)), AdversarialSamples(steps)).build(ZSL())
        state = jax.jit(method.init)(jax.random.key(0), pool, classes)
        fit = jax.jit(method.fit)
        epochs[f"{steps}"] = lambda fit=fit, state=state: fit(state, pool, classes, 1, 1)
    seconds = alternate(epochs, options.rounds)
    table = Table(title="an epoch of HAS; zero steps are APN")
    for heading in ("T", "ms of a minibatch", "times APN", "T + 2"):
        table.add_column(heading, justify="right")
    for steps in options.steps:
        own = seconds[f"{steps}"]
        ratio = f"{own / seconds['0']:.2f}" if "0" in seconds else "-"
        table.add_row(f"{steps}", f"{1e3 * own / options.minibatches:.1f}", ratio, f"{steps + 2 if steps else 1}")
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps({**describe(), "seconds": seconds}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options))
