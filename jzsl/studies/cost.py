"""ABP paper, table 3: parameters and multiply-adds of the generators, counted, and what a training step costs.

Columns: base, size (of the data), parameters M (millions of weights), multiply-adds M (of one pass, millions), training
MFLOP per sample (matrix products of a training step), sample MFLOP (compiler) (of generating one sample).
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jzsl.generators.generator import Generator
from jzsl.report.figures import COLOURS
from jzsl.studies.bases import GENERATORS
from jzsl.studies.study import Study, StudyResult, StudySetup, only_generative
from jzsl.types import ClassTable, Pool

SIZES = {"CUB": (2048, 312), "AWA2": (2048, 85), "SUN": (2048, 102)}
"""Features and semantic dimensions."""


def cost(setup: StudySetup) -> StudyResult:
    """The cost of every generator at the sizes of CUB, AWA2, SUN and the problem. Nothing is trained."""
    problem = setup.problem
    sizes = {**SIZES, problem.provenance.name: (problem.samples.shape[1], problem.required_semantics.shape[1])}
    rows = []
    for name, base in only_generative(setup).items():
        generator, batch = base.generator.build(), getattr(base.generator, "batch_size", 64)
        for data, (features, dimensions) in sizes.items():
            setup.progress(f"{name}: {data}")
            rows.append({"base": name, "size": data, **costs(generator, features, dimensions, batch)})
    words = "; ".join(
        f"{row['base']} {row['parameters M']:.2f} M and {row['multiply-adds M']:.2f} M, but "
        f"{row['training MFLOP per sample']:.0f} MFLOP to train on a sample once"
        for row in rows
        if row["size"] == "CUB"
    )
    return StudyResult(
        f"Parameters, and multiplications and additions of one pass, at CUB's size: {words}.",
        rows,
        lambda figure: _draw(figure, rows),
        (
            "parameters are weights without biases of all networks that training needs; a pass uses each once",
            "training: matrix products of one step of the epoch loop, divided by its samples (without those of the "
            "critic's own steps)",
            "sample: floating-point operations that the compiler counts for one generated sample",
        ),
    )


def _draw(figure: Any, rows: list[dict[str, Any]]) -> None:
    titles = {"parameters M": "parameters (millions)",
              "training MFLOP per sample": "products of training (MFLOP per sample)"}  # fmt: skip
    names, sizes = (list(dict.fromkeys(row[column] for row in rows)) for column in ("base", "size"))
    width = 0.8 / len(names)
    panels = figure.subplots(1, 2)
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        for number, name in enumerate(names):
            heights = [row[column] for row in rows if row["base"] == name]
            position = np.arange(len(sizes)) + (number - (len(names) - 1) / 2) * width
            label = name if axes is panels[0] else None
            axes.bar(position, heights, 0.92 * width, color=COLOURS[number], label=label)
        axes.set_xticks(range(len(sizes)), sizes)
        axes.grid(axis="x", visible=False)
        axes.set_ylabel(title)
    figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")


def costs(generator: Generator, features: int, dimensions: int, batch: int) -> dict[str, Any]:
    """The cost of one generator, from shapes alone."""
    pool = Pool(
        jax.ShapeDtypeStruct((batch, features), jnp.float32),  # type: ignore[arg-type]
        jax.ShapeDtypeStruct((batch,), jnp.int32),  # type: ignore[arg-type]
        jax.ShapeDtypeStruct((batch,), jnp.int32),  # type: ignore[arg-type]
    )
    classes = ClassTable(
        jax.ShapeDtypeStruct((4, dimensions), jnp.float32),  # type: ignore[arg-type]
        jax.ShapeDtypeStruct((4,), jnp.bool_),  # type: ignore[arg-type]
    )
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(generator.init, key, pool, classes)
    networks = (state.params, getattr(state, "critic", ()))
    weights = sum(leaf.size for leaf in jax.tree.leaves(networks) if leaf.ndim == 2)
    training = product_operations(
        lambda state, pool, classes: generator.fit(state, pool, classes, 1, 1)[0], state, pool, classes
    )
    semantics = jax.ShapeDtypeStruct((batch, dimensions), jnp.float32)
    compiled = jax.jit(generator.sample, static_argnums=3).lower(key, state, semantics, False).compile()
    analysis: Any = compiled.cost_analysis()
    return {
        "parameters M": round(weights / 1e6, 2),
        "multiply-adds M": round(2 * weights / 1e6, 2),
        "training MFLOP per sample": round(training / batch / 1e6, 1),
        "sample MFLOP (compiler)": round(float(analysis["flops"]) / batch / 1e6, 2),
    }


def product_operations(function: Any, *arguments: Any) -> int:
    """Floating-point operations of the matrix products inside the loops of a function: 2 m n k for each.

    The body of a scan counts as often as it runs, that of a loop with traced bounds once: with epochs and minibatches
    in such loops this is the count of one minibatch. What a call does outside any loop is not counted.
    """
    return _products(jax.make_jaxpr(function)(*arguments).jaxpr, inside=False)


def _products(jaxpr: Any, inside: bool) -> int:
    total = 0
    for equation in jaxpr.eqns:
        if inside and equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)
        times = equation.params["length"] if equation.primitive.name == "scan" and inside else 1
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                body = getattr(inner, "jaxpr", inner)
                if hasattr(body, "eqns"):
                    total += times * _products(body, inside or equation.primitive.name == "while")
    return total


STUDY = Study("What do generators cost? (ABP, table 3)", cost, GENERATORS)
