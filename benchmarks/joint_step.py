"""A step of AutoNovel's joint training beside the same step written plainly in PyTorch, in one run.

    pip install -e ".[torch]"
    python -m benchmarks.joint_step [--networks mlp resnet] [--replicas 1 4] [--rounds 5] [--out FILE.json]

Both make two views of a minibatch of which half the samples have labels, and take a step on L = L_CE + L_BCE +
omega(t) L_MSE (low-supervision thesis, chapter 6, equation 5), targets by ranking statistics. `mlp` is two layers of
512 on images of 8 x 8 pixels, all learned, in minibatches of 512, as for the digits; `resnet` is ResNet-18 for small
images with a quarter of its channels, whose last stage learns, in minibatches of 128 images of 32 x 32 pixels.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import alternate, describe
from jzsl.methods.autonovel import AutoNovel
from jzsl.nets.mlp import MLP
from jzsl.nets.resnet import ResNet
from jzsl.tasks.discovery import Discovery
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.types import UNLABELLED, ClassTable, Pool

_OLD, _NEW = 5, 5
_STEPS = 4
_TOP = 5


class Case(NamedTuple):
    """Samples of a minibatch, the shape of an image, pixels of padding, channels of the stages (none: a perceptron)."""

    samples: int
    shape: tuple[int, int, int]
    padding: int
    channels: tuple[int, ...]


CASES = {"mlp": Case(512, (8, 8, 1), 1, ()), "resnet": Case(128, (32, 32, 3), 4, (16, 32, 64, 128))}


@dataclass(frozen=True)
class Options:
    """Time jzsl and PyTorch in turn."""

    networks: tuple[str, ...] = tuple(CASES)
    """which of mlp, resnet"""
    replicas: tuple[int, ...] = (1, 4)
    """trainings of different seeds in one program of jzsl; PyTorch trains one"""
    rounds: int = 5
    """timed epochs of four minibatches, of which the median counts"""
    compiled: bool = False
    """also `torch.compile`"""
    out: Path | None = None
    """also write the numbers as JSON"""


def images(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Random images, and classes, of which every second one is not known."""
    random = np.random.default_rng(0)
    count = _STEPS * case.samples
    y = np.where(np.arange(count) % 2, UNLABELLED, random.integers(0, _OLD, count)).astype(np.int32)
    return random.integers(0, 256, (count, *case.shape)).astype(np.uint8), y


def ours(case: Case, replicas: int) -> Callable[[], Any]:
    """An epoch of every replica, compiled."""
    x, y = images(case)
    network = ResNet(width=case.channels[0] / 64) if case.channels else MLP((512, 512))
    augment = Sequence((PaddedCrop(case.padding), RandomFlip()))
    learned = ("stage4",) if case.channels else None
    method = AutoNovel(network, augment, learned=learned, batch_size=case.samples).build(Discovery())
    pool = Pool(jnp.asarray(x), jnp.asarray(y), jnp.ones(len(y), jnp.int32))
    number = np.arange(_OLD + _NEW)
    classes = ClassTable(None, jnp.asarray(number < _OLD), jnp.asarray(number[_OLD:]))
    keys = jax.random.split(jax.random.key(0), replicas)
    states = jax.jit(jax.vmap(method.init, (0, None, None)))(keys, pool, classes)
    fit = jax.jit(jax.vmap(method.fit, (0, None, None, None, None)))
    return lambda: fit(states, pool, classes, 1, 200)


def theirs(case: Case, compiled: bool) -> Callable[[], Any]:
    """An epoch in PyTorch, in the memory layout of its images."""
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]
    from torch.nn import functional  # pyright: ignore[reportMissingImports]

    from tests.reference.torch_networks import small_resnet

    torch.set_float32_matmul_precision("high")  # a GPU's default in JAX; a CPU is not changed by it
    device = "cuda" if torch.cuda.is_available() else "cpu"
    height, width, channels = case.shape
    if case.channels:
        network: Any = small_resnet(list(case.channels), [2] * 4)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_("stage4" in name)
        size = case.channels[-1]
    else:
        size = 512
        inputs = height * width * channels
        network = nn.Sequential(nn.Flatten(), nn.Linear(inputs, size), nn.BatchNorm1d(size), nn.ReLU(),
                                nn.Linear(size, size), nn.BatchNorm1d(size), nn.ReLU())  # fmt: skip
    model: Any = nn.ModuleDict({"network": network, "old": nn.Linear(size, _OLD), "new": nn.Linear(size, _NEW)})
    model = model.to(device).train()
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learned, 0.1, momentum=0.9, weight_decay=1e-4)
    of_numpy, labels = images(case)
    x = torch.from_numpy(of_numpy).permute(0, 3, 1, 2).contiguous().to(device)
    y = torch.from_numpy(labels).long().to(device)
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)

    def view(batch):
        """A crop of each padded image, mirrored half of the time."""
        count = len(batch)
        padded = functional.pad(batch, (case.padding,) * 4)
        shift = torch.randint(2 * case.padding + 1, (2, count), device=device)
        rows, columns = shift[0, :, None] + row, shift[1, :, None] + column
        columns = torch.where(torch.rand(count, 1, device=device) < 0.5, columns.flip(1), columns)
        each = torch.arange(count, device=device)[:, None, None]
        return padded[each, :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)

    def loss_of(batch, y, weight):
        batch = batch.float() / 255
        first, second = (model["network"](view(batch)) for _ in range(2))
        old, old_bar, new, new_bar = (model[head](part) for head in ("old", "new") for part in (first, second))
        labelled = y >= 0
        top = first[~labelled].detach().topk(_TOP).indices.sort().values
        same = (top[:, None] == top).all(2).float()
        p, p_bar, q, q_bar = (part.softmax(1) for part in (new, new_bar, old, old_bar))
        together = (p[~labelled] @ p_bar[~labelled].T).clamp(1e-7, 1 - 1e-7)
        pairs = functional.binary_cross_entropy(together, same)
        between = functional.mse_loss(p, p_bar) + functional.mse_loss(q, q_bar)
        return functional.cross_entropy(old[labelled], y[labelled]) + pairs + weight * between

    loss_of = torch.compile(loss_of) if compiled else loss_of

    def epoch():
        total = torch.zeros((), device=device)
        for index in torch.randperm(len(x), device=device).split(case.samples):
            loss = loss_of(x[index], y[index], 5.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total)  # waits for a GPU

    return epoch


def main(options: Options) -> None:
    table = Table(title="a step of joint training, ms; of each replica where there are several")
    each_count = ("jzsl" if count == 1 else f"jzsl, {count} replicas" for count in options.replicas)
    for heading in ("network", "PyTorch", *each_count, "of PyTorch's time"):
        table.add_column(heading, justify="right")
    rows = []
    for name in options.networks:
        case = CASES[name]
        candidates = {f"jzsl {count}": ours(case, count) for count in options.replicas}
        candidates["PyTorch"] = theirs(case, False)
        if options.compiled:
            candidates["compiled"] = theirs(case, True)
        seconds = alternate(candidates, options.rounds)
        plain = min(seconds["PyTorch"], seconds.get("compiled", np.inf)) / _STEPS
        each = [seconds[f"jzsl {count}"] / _STEPS / count for count in options.replicas]
        table.add_row(
            name,
            f"{1e3 * plain:.1f}",
            *(f"{1e3 * value:.1f}" for value in each),
            ", ".join(f"{value / plain:.2f}" for value in each),
        )
        rows.append({"network": name, "seconds": seconds})
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps({**describe(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options))
