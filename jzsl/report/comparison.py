"""Several runs side by side: their seeds as dots, and paired differences where seeds and test rows are the same."""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.stats import t, ttest_rel

from jzsl.report.chart import Chart, tip
from jzsl.report.evidence import Evidence
from jzsl.report.figures import COLOURS


class Difference(NamedTuple):
    """A number of a run less that of the first run, over the seeds that both have.

    Attributes:
        name: of the run.
        setting: of that run.
        number: which.
        mean: of the differences, in points.
        low, high: their 95 % confidence interval by the t distribution; None for fewer than two different ones.
        p: of the paired t-test; None likewise.
        seeds: how many.
        reason: why there is none, instead.
    """

    name: str
    setting: str
    number: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    seeds: int = 0
    reason: str = ""


def differences(runs: list[Evidence]) -> list[Difference]:
    """Of every later run from the first one, by the first one's headline number."""
    first, number = runs[0], runs[0].task.headline
    return [_difference(first, other, number) for other in runs[1:]]


def _difference(first: Evidence, other: Evidence, number: str) -> Difference:
    if number not in other.result:
        return Difference(other.name, other.result["setting"], number, reason=f"it has no {number}")
    if other.result["data"]["hash"] != first.result["data"]["hash"]:
        return Difference(other.name, other.result["setting"], number, reason="other data, features or splits")
    values = [dict(zip(run.result["seeds"], run.result[number]["values"], strict=True)) for run in (first, other)]
    shared = sorted(set(values[0]) & set(values[1]))
    gaps = np.array([values[1][seed] - values[0][seed] for seed in shared])
    if not len(gaps):
        return Difference(other.name, other.result["setting"], number, reason="no seed in common")
    mean = float(gaps.mean())
    if len(gaps) < 2 or np.ptp(gaps) == 0:
        return Difference(other.name, other.result["setting"], number, mean, seeds=len(gaps))
    half = float(t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps)))
    before, now = ([found[seed] for seed in shared] for found in values)
    p = float(ttest_rel(now, before)[1])
    return Difference(other.name, other.result["setting"], number, mean, mean - half, mean + half, p, len(gaps))


def comparison_chart(runs: list[Evidence]) -> Chart:
    """Seeds of each run; thin lines join the same seed where the test rows are the same."""
    number = runs[0].task.headline
    shown = [run for run in runs if number in run.result]

    def draw(figure):
        axes = figure.subplots()
        for place, run in enumerate(shown):
            values = run.result[number]["values"]
            mean, spread = run.result[number]["mean"], run.result[number]["std"]
            axes.errorbar(mean, place, xerr=spread, fmt="D", color=COLOURS[0], capsize=4, markersize=6, zorder=3)
            for seed, value in zip(run.result["seeds"], values, strict=True):
                tip(axes.plot(value, place + 0.16, "o", color=COLOURS[1], markersize=4)[0],
                    f"{run.name}, seed {seed}: {value:.1f} %")  # fmt: skip
        for place, (one, other) in enumerate(itertools.pairwise(shown)):
            if one.result["data"]["hash"] == other.result["data"]["hash"]:
                for pair in zip(one.result[number]["values"], other.result[number]["values"], strict=False):
                    axes.plot(pair, (place + 0.16, place + 1.16), color="#999999", linewidth=0.7, zorder=1)
        axes.set_yticks(range(len(shown)), [run.name for run in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel(f"{number} (%)")
        axes.grid(axis="y", visible=False)

    caption = "Diamonds: mean and one standard deviation over seeds; dots: seeds; lines join the same seed."
    return Chart("comparison", f"{number} of the runs", caption, draw, (4.9, 1.2 + 0.5 * len(shown)))
