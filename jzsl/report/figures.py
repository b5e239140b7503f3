"""Figures on disk: PNG and SVG, colours that the colour-blind can tell apart (Okabe and Ito 2008)."""

import importlib.util
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jzsl.errors import InputError

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442")
STYLE: dict[Any, Any] = {
    "axes.prop_cycle": f"cycler('color', {list(COLOURS)})",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}
"""Matplotlib's settings for every figure."""


def require_matplotlib() -> None:
    """Raises InputError if figures cannot be made."""
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError('figures need Matplotlib, which is not installed: pip install "jzsl[figures]"')


def require_room(out: Path) -> None:
    """Raises InputError unless the folder is free and a figure can be drawn, before a long computation."""
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out")
    require_matplotlib()


def save_figure(draw: Callable[[Any], None], title: str, path: Path) -> None:
    """Lets `draw` fill a figure and writes `path`.png and `path`.svg."""
    write_figure(draw, title, path, (7.5, 4.5))


def write_figure(draw: Callable[[Any], None], title: str, path: Path, size: tuple[float, float]) -> None:
    """As `save_figure`, of a size in inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.suptitle("\n".join(textwrap.wrap(title, round(80 * size[0] / 7.5))), fontsize="medium")
        for suffix in (".png", ".svg"):
            figure.savefig(path.with_name(path.name + suffix), dpi=150)


def grouped_bars(figure: Any, values: dict[tuple[str, str], list[float]], label: str) -> None:
    """A group of bars for each base, one bar per variant: mean over seeds, whiskers of one standard deviation."""
    axes = figure.subplots()
    bases = list(dict.fromkeys(base for base, _ in values))
    groups = list(dict.fromkeys(group for _, group in values))
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        of_group = [values.get((base, group), [np.nan]) for base in bases]
        spread = [np.std(value, ddof=1) if len(value) > 1 else 0.0 for value in of_group]
        position = np.arange(len(bases)) + (number - (len(groups) - 1) / 2) * width
        bars = axes.bar(position, [np.mean(value) for value in of_group], 0.92 * width, yerr=spread, capsize=3,
                        label=group, color=COLOURS[number % len(COLOURS)])  # fmt: skip
        axes.bar_label(bars, fmt="%.1f", fontsize="small", padding=2)
    axes.set_xticks(range(len(bases)), bases)
    axes.set_ylabel(label)
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.12)
    columns = max(1, min(len(groups), 90 // (max(map(len, groups)) + 6)))  # as many as fit the width
    figure.legend(ncols=columns, loc="outside lower center", frameon=False, fontsize="small")


def horizontal_bars(figure: Any, values: dict[tuple[str, str], list[float]], label: str) -> None:
    """As `grouped_bars`, for more variants than fit a legend: a panel for each base, variants by name."""
    bases = list(dict.fromkeys(base for base, _ in values))
    groups = list(dict.fromkeys(group for _, group in values))[::-1]
    figure.set_size_inches(7.5, 1.5 + 0.28 * len(groups))
    panels = np.atleast_1d(figure.subplots(1, len(bases), sharey=True))
    for number, (axes, base) in enumerate(zip(panels, bases, strict=True)):
        of_base = [values.get((base, group), [np.nan]) for group in groups]
        spread = [np.std(value, ddof=1) if len(value) > 1 else 0.0 for value in of_base]
        means = [float(np.mean(value)) for value in of_base]
        bars = axes.barh(range(len(groups)), means, xerr=spread, capsize=2, color=COLOURS[number % len(COLOURS)])
        shown = ["" if np.isnan(mean) else f"{mean:.1f}" for mean in means]
        axes.bar_label(bars, shown, fontsize="small", padding=3)
        axes.set_yticks(range(len(groups)), groups, fontsize="small")
        axes.set_xlabel(label)
        axes.set_title(base, fontsize="medium")
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.15, y=0.02)
