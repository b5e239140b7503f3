"""Convolutions and whole training steps inside a compiled loop, against PyTorch and a plain product of the machine.

    python -m benchmarks.convolution [--cases 16x8 16x32 64x32 resnet18] [--rounds 5] [--no-torch] [--out FILE.json]

A case is a ResNet-18 for small images of some width with a minibatch; its layers are the 3 x 3 convolutions of its
stages. Each layer's outputs and both gradients are timed in the form that `jzsl.nets.conv` chooses and in XLA's own.
"""

import importlib.util
import json
import time
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

from benchmarks.machine import alternate, describe, square_product
from jzsl.nets.conv import convolve, of_xla
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.resnet import ResNet

_STEPS = 2
_RATE = 1e-3


class Case(NamedTuple):
    """Channels of the first stage, samples and pixels of a side."""

    channels: int
    samples: int
    side: int


CASES = {
    "16x8": Case(16, 128, 8),
    "16x32": Case(16, 128, 32),
    "64x32": Case(64, 64, 32),
    "resnet18": Case(64, 128, 32),
}


@dataclass(frozen=True)
class Options:
    """Time convolutions."""

    cases: tuple[str, ...] = tuple(CASES)
    """which of 16x8, 16x32, 64x32, resnet18"""
    rounds: int = 5
    """timed calls, of which the median counts"""
    torch: bool = True
    """also PyTorch, eager, in the faster of its two memory layouts; it needs torchvision, too"""
    compiled: bool = False
    """also `torch.compile`"""
    out: Path | None = None
    """also write the numbers as JSON"""


def layers(case: Case) -> list[tuple[int, int, int]]:
    """Pixels of a side, channels and samples of the inner convolutions of each stage."""
    return [(max(case.side >> stage, 1), case.channels << stage, case.samples) for stage in range(4)]


def layer_times(side: int, channels: int, samples: int, rounds: int) -> dict[str, float]:
    """Seconds of a 3 x 3 convolution in a loop: its outputs, its gradients to the image and to the filters."""
    random = np.random.default_rng(0)
    x = jnp.asarray(random.normal(size=(samples, side, side, channels)), jnp.float32)
    kernel = jnp.asarray(random.normal(size=(3, 3, channels, channels)), jnp.float32)
    padding = ((1, 1), (1, 1))
    candidates: dict[str, Callable[[], Any]] = {}
    for name, form in (("chosen", convolve), ("xla", of_xla)):

        def outputs(x, kernel, form=form):
            return form(x, kernel, 1, padding)

        def image(x, kernel, form=form):
            return jax.vjp(lambda x: form(x, kernel, 1, padding), x)[1](x)[0]

        def filters(x, kernel, form=form):
            return jax.vjp(lambda kernel: form(x, kernel, 1, padding), kernel)[1](x)[0]

        for part in (outputs, image, filters):
            candidates[f"{name} {part.__name__}"] = _looped(part, x, kernel)
    return {name: seconds / _STEPS for name, seconds in alternate(candidates, rounds).items()}


def _looped(function: Callable[..., Any], x: jax.Array, kernel: jax.Array) -> Callable[[], Any]:
    """Calls in a loop, each of which waits for the one before."""

    @jax.jit
    def loop(x, kernel):
        def step(_, carried):
            result = jax.lax.optimization_barrier(function(x + carried, kernel))
            return carried + 1e-9 * result.ravel()[0]

        return jax.lax.fori_loop(0, _STEPS, step, jnp.float32(0))

    return lambda: loop(x, kernel)


def our_steps(case: Case) -> tuple[Callable[[], Any], float]:
    """Steps of gradient descent inside a loop, and the seconds of compiling them."""
    network = ResNet(width=case.channels / 64, classes=10).build()
    x = jax.random.uniform(jax.random.key(0), (case.samples, case.side, case.side, 3))
    variables = jax.jit(network.init)(jax.random.key(1), x)

    def step(_, variables):
        def loss(params):
            outputs, after = network.apply({**variables, "params": params}, x, BatchNormPolicy.train, None)
            assert outputs.logits is not None
            return -jnp.mean(jax.nn.log_softmax(outputs.logits)[:, 0]), after

        gradient, after = jax.grad(loss, has_aux=True)(variables["params"])
        descended = jax.tree.map(lambda value, slope: value - _RATE * slope, variables["params"], gradient)
        return {**after, "params": descended}

    start = time.perf_counter()
    compiled = jax.jit(lambda variables: jax.lax.fori_loop(0, _STEPS, step, variables)).lower(variables).compile()
    return lambda: compiled(variables), time.perf_counter() - start


def their_steps(case: Case, channels_last: bool, compiled: bool) -> Callable[[], Any]:
    """The same steps in PyTorch."""
    import torch  # pyright: ignore[reportMissingImports]

    from tests.reference.torch_networks import small_resnet

    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if channels_last else torch.contiguous_format
    widths = [case.channels << stage for stage in range(4)]
    model: Any = torch.nn.Sequential(small_resnet(widths, [2] * 4), torch.nn.Linear(widths[-1], 10))
    model = model.to(device).to(memory_format=layout)
    x = torch.rand(case.samples, 3, case.side, case.side, device=device).to(memory_format=layout)
    y = torch.zeros(case.samples, dtype=torch.long, device=device)
    optimizer = torch.optim.SGD(model.parameters(), _RATE)
    forward = torch.compile(model) if compiled else model

    def run():
        for _ in range(_STEPS):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(forward(x), y).backward()
            optimizer.step()
        return float(next(model.parameters()).detach().sum())  # waits for a GPU

    return run


def main(options: Options) -> None:
    console, rows = Console(), []
    with_torch = options.torch and importlib.util.find_spec("torch") is not None
    product, operations = square_product()
    of_layers = Table(title="3 x 3 convolutions in a loop, ms: chosen form (XLA's own)")
    for heading in ("case", "side", "channels", "GFLOP", "outputs", "gradient of the image", "of the filters"):
        of_layers.add_column(heading, justify="right")
    of_steps = Table(title="training steps in a loop; GFLOP/s of a 2,048-cubed product")
    for heading in ("case", "jzsl ms", "PyTorch ms", "times", "compiled ms", "compile s", "GFLOP/s"):
        of_steps.add_column(heading, justify="right")
    for name in options.cases:
        case = CASES[name]
        times = []
        for side, channels, samples in layers(case):
            measured = layer_times(side, channels, samples, options.rounds)
            times.append({"side": side, "channels": channels, **measured})
            cells = [
                f"{1e3 * measured[f'chosen {part}']:.3g} ({1e3 * measured[f'xla {part}']:.3g})"
                for part in ("outputs", "image", "filters")
            ]
            flops = 18 * samples * (side * channels) ** 2
            of_layers.add_row(name, str(side), str(channels), f"{flops / 1e9:.3g}", *cells)
        steps, compile_seconds = our_steps(case)
        candidates = {"jzsl": steps, "product": product}
        if with_torch:
            candidates |= {"nchw": their_steps(case, False, False), "nhwc": their_steps(case, True, False)}
            if options.compiled:
                candidates["compile"] = their_steps(case, True, True)
        seconds = alternate(candidates, options.rounds)
        ours = seconds["jzsl"] / _STEPS
        eager = min(seconds["nchw"], seconds["nhwc"]) / _STEPS if with_torch else float("nan")
        compiled = seconds.get("compile", float("nan")) / _STEPS
        peak = operations / seconds["product"]
        of_steps.add_row(name, f"{1e3 * ours:.4g}", f"{1e3 * eager:.4g}", f"{ours / eager:.2f}",
                         f"{1e3 * compiled:.4g}", f"{compile_seconds:.1f}", f"{peak / 1e9:.0f}")  # fmt: skip
        rows.append({"case": name, "layers": times, "seconds": seconds, "compile_s": compile_seconds, "peak": peak})
    console.print(of_layers)
    console.print(of_steps)
    if options.out:
        options.out.write_text(json.dumps({**describe(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Options))
