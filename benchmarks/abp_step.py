"""Seconds per ABP training iteration, beside the bare matrix products of the same shapes in the same run.

    python -m benchmarks.abp_step [--sizes cub awa2 sun digits] [--minibatches 1 8] [--rounds 7] [--out FILE.json]

An iteration is one minibatch of 64: ten Langevin steps and one learning step. The bare products are what any
implementation must multiply: 2 per Langevin step and 3 per learning step of the large layer, and the small ones.
The machine's peaks are those of a 2,048-cubed product and of a pass through memory, timed in turn with the rest. The
roofline's bound is the larger of two times: the products at the one peak, the bytes that the compiler counts
(each operation's arguments and results, whether or not a cache has them) at the other.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import alternate, copy, counts, describe, square_product
from jzsl.generators.abp import ABP
from jzsl.generators.generator import GeneratorConfig
from jzsl.types import ClassTable, Pool

SIZES = {"digits": (18, 64, 10), "cub": (312, 2048, 200), "awa2": (85, 2048, 50), "sun": (102, 2048, 717)}
"""Semantic size, feature size and number of classes."""


@dataclass(frozen=True)
class Options:
    """Time an ABP iteration against bare products."""

    sizes: tuple[str, ...] = ("cub", "awa2", "sun", "digits")
    """which of digits, cub, awa2, sun"""
    minibatches: tuple[int, ...] = (1, 8)
    """minibatches whose latents are inferred at once"""
    precision: tuple[str, ...] = ("default",)
    """of matrix products: default, highest, tensorfloat32, bfloat16; a CPU knows float32 alone"""
    iterations: int = 24
    """iterations in one timed call, a multiple of the minibatches at once"""
    rounds: int = 7
    """timed calls, of which the median counts"""
    out: Path | None = None
    """also write the numbers as JSON"""


def products(hyper: ABP, semantics: int, features: int) -> list[tuple[int, int, int]]:
    """(rows, inner, columns) of every matrix product of one iteration."""
    batch, latent, hidden = hyper.batch_size, hyper.latent, hyper.hidden
    forward = [(batch, latent, hidden), (batch, hidden, features)]
    backward = [(batch, features, hidden), (batch, hidden, latent)]
    langevin = hyper.langevin_steps * (forward + backward)
    class_preactivation = [(batch, semantics, hidden)]
    weights = [(hidden, batch, features), (latent, batch, hidden), (semantics, batch, hidden)]
    # The learning step needs the class half again: its gradient reaches the weights through it.
    return class_preactivation + langevin + class_preactivation + forward + [(batch, features, hidden)] + weights


def bare(hyper: ABP, semantics: int, features: int, iterations: int):
    """The products alone, chained so that none can be left out or hoisted, each in the layout that ABP uses.

    The weights keep the values of the chain of ordinary size: vanishing ones would be multiplied at another speed.
    """
    keys = iter(jax.random.split(jax.random.key(1), 6))
    batch, latent, hidden = hyper.batch_size, hyper.latent, hyper.hidden
    c = jax.random.normal(next(keys), (batch, semantics))
    z = jax.random.normal(next(keys), (batch, latent))
    r = jax.random.normal(next(keys), (batch, features))
    w_c = jax.random.normal(next(keys), (semantics, hidden)) / semantics**0.5
    w_z = jax.random.normal(next(keys), (latent, hidden)) / hidden**0.5
    w_x = jax.random.normal(next(keys), (hidden, features)) / hidden**0.5

    @jax.jit
    def run(c, z, r, w_c, w_z, w_x):
        def iteration(_, carry):
            c, z, r, total = carry
            h = c @ w_c

            def langevin(_, carry):
                z, r, h = carry
                r = (h + z @ w_z) @ w_x
                h = r @ w_x.T
                return h @ w_z.T, r, h

            z, r, h = jax.lax.fori_loop(0, hyper.langevin_steps, langevin, (z, r, h))
            h = h + c @ w_c + z @ w_z
            r = h @ w_x
            gradients = (h.T @ r, z.T @ (r @ w_x.T), c.T @ (r @ w_x.T))
            total = total + sum(gradient[0, 0] for gradient in gradients)
            # A little of each full gradient enters the carry, so that none is computed for one element only.
            gradients = jax.lax.optimization_barrier(gradients)
            return (
                c + 1e-3 * jnp.tanh(gradients[2][0, 0]),
                z / jnp.std(z),
                r,
                total + gradients[0][-1, -1] + gradients[1][-1, -1],
            )

        return jax.lax.fori_loop(0, iterations, iteration, (c, z, r, jnp.zeros(())))

    return lambda: run(c, z, r, w_c, w_z, w_x)


def epoch_of(hyper: GeneratorConfig, semantics: int, features: int, classes: int, rows: int):
    """An epoch over so many random rows through the library's own `fit`."""
    generator, state, pool, table = _arrays(hyper, semantics, features, classes, rows)
    fit = jax.jit(generator.fit, donate_argnums=0)

    def run():
        nonlocal state
        state, metrics = fit(state, pool, table, 1, 1)
        return metrics

    return run


def _arrays(hyper: GeneratorConfig, semantics: int, features: int, classes: int, rows: int):
    keys = jax.random.split(jax.random.key(2), 3)
    table = ClassTable(jax.random.normal(keys[0], (classes, semantics)), jnp.ones(classes, bool))
    x = jax.random.uniform(keys[1], (rows, features))
    y = jax.random.randint(keys[2], (rows,), 0, classes)
    pool, generator = Pool(x, y, jnp.ones(rows, jnp.int32)), hyper.build()
    return generator, jax.jit(generator.init)(jax.random.key(0), pool, table), pool, table


def compiled_bytes(hyper: ABP, semantics: int, features: int, classes: int) -> float:
    """Bytes of an iteration by the compiler's count: a program with the loop over Langevin steps has its body once, so
    the other steps are counted by themselves."""
    generator, state, pool, table = _arrays(hyper, semantics, features, classes, hyper.batch_size * hyper.minibatches)
    whole = counts(jax.jit(generator.fit, donate_argnums=0).lower(state, pool, table, 1, 1).compile())[1]
    net = hyper.network.build(features, hyper.hidden, hyper.latent)
    rows = hyper.batch_size * hyper.minibatches
    half, z = jnp.zeros((rows, hyper.hidden)), jnp.zeros((rows, hyper.latent))

    def energy(z, params, half, x):
        return jnp.sum((x - net.decode(params, half, z)) ** 2)

    one = counts(jax.jit(jax.grad(energy)).lower(z, state.params, half, pool.x).compile())[1]
    # With several minibatches at once the program has one learning step, of as many.
    learning = whole - one
    return hyper.langevin_steps * one / hyper.minibatches + learning


def measure(options: Options) -> dict:
    console = Console()
    result: dict[str, Any] = {"machine": describe(), "rows": []}
    table = Table(title="ABP iteration, batch 64, 10 Langevin steps")
    headings = ("size", "at once", "precision", "GFLOP", "GB", "ABP ms", "products ms", "% of products", "% of peak",
                "% of roofline")  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right")
    for size in options.sizes:
        semantics, features, classes = SIZES[size]
        flop = sum(2 * rows * inner * columns for rows, inner, columns in products(ABP(), semantics, features))
        for precision in options.precision:
            with jax.default_matmul_precision(precision):
                square, square_flop = square_product()
                through, through_bytes = copy()
                candidates = {
                    str(count): epoch_of(ABP(minibatches=count), semantics, features, classes, options.iterations * 64)
                    for count in options.minibatches
                }
                bare_products = bare(ABP(), semantics, features, options.iterations)
                seconds = alternate(
                    {**candidates, "products": bare_products, "square": square, "copy": through}, options.rounds
                )
                moved = {
                    count: compiled_bytes(ABP(minibatches=count), semantics, features, classes)
                    for count in options.minibatches
                }
            peak, bandwidth = square_flop / seconds["square"], through_bytes / seconds["copy"]
            product = seconds["products"] / options.iterations
            for count in options.minibatches:
                abp = seconds[str(count)] / options.iterations
                bound = max(flop / peak, moved[count] / bandwidth)
                result["rows"].append(
                    {
                        "size": size,
                        "minibatches": count,
                        "precision": precision,
                        "gflop": flop / 1e9,
                        "compiled_gb": moved[count] / 1e9,
                        "abp_s": abp,
                        "products_s": product,
                        "share_of_products": product / abp,
                        "peak_gflop_s": peak / 1e9,
                        "copy_gb_s": bandwidth / 1e9,
                        "share_of_peak": flop / abp / peak,
                        "share_of_roofline": bound / abp,
                    }
                )
                shares = (product / abp, flop / abp / peak, bound / abp)
                cells = (flop / 1e9, moved[count] / 1e9, 1e3 * abp, 1e3 * product, *(100 * share for share in shares))
                shown = (f"{cell:.2f}" if cell < 10 else f"{cell:.1f}" for cell in cells)
                table.add_row(size, str(count), precision, *shown)
            console.print(f"{size}: peaks {peak / 1e9:.0f} GFLOP/s and {bandwidth / 1e9:.1f} GB/s")
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    return result


if __name__ == "__main__":
    measure(tyro.cli(Options))
