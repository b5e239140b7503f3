"""Several runs side by side: their seeds as dots, and paired differences where seeds and test samples are the same."""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.stats import t, ttest_rel

from jzsl.metrics.holm import holm
from jzsl.report.chart import Chart, tip
from jzsl.report.figures import COLOURS
from jzsl.report.run_artifacts import RunArtifacts


class Difference(NamedTuple):
    """A metric of a run minus that of the first run, over the seeds that both have.

    Attributes:
        name: of the run.
        setting: of that run.
        metric: which one.
        mean: of the differences, in points; None where the runs cannot be compared.
        low, high: their 95 % confidence interval by the t distribution; None for fewer than two different ones.
        p: of the paired t-test, corrected by Holm's method for the number of tests in the table; None likewise.
        seeds: how many.
        reason: why the runs cannot be compared.
    """

    name: str
    setting: str
    metric: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    seeds: int = 0
    reason: str = ""


def differences(runs: list[RunArtifacts]) -> list[Difference]:
    """Of every later run from the first one, in the first one's headline metric."""
    first, metric = runs[0], runs[0].task.headline
    gaps = [_difference(first, other, metric) for other in runs[1:]]
    corrected = iter(holm([gap.p for gap in gaps if gap.p is not None]))
    return [gap if gap.p is None else gap._replace(p=next(corrected)) for gap in gaps]


def _difference(first: RunArtifacts, other: RunArtifacts, metric: str) -> Difference:
    """Before the correction of p."""
    gap = Difference(other.name, other.result["setting"], metric)
    if metric not in other.result:
        return gap._replace(reason=f"it has no {metric}")
    if other.result["data"]["hash"] != first.result["data"]["hash"]:
        return gap._replace(reason="other data, features or splits")
    before, after = (
        dict(zip(run.result["seeds"], run.result[metric]["values"], strict=True)) for run in (first, other)
    )
    shared = sorted(set(before) & set(after))
    gaps = np.array([after[seed] - before[seed] for seed in shared])
    if not len(gaps):
        return gap._replace(reason="no seed in common")
    mean = float(gaps.mean())
    if len(gaps) < 2 or np.ptp(gaps) == 0:
        return gap._replace(mean=mean, seeds=len(gaps))
    half = float(t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps)))
    p = float(ttest_rel([after[seed] for seed in shared], [before[seed] for seed in shared])[1])
    return gap._replace(mean=mean, low=mean - half, high=mean + half, p=p, seeds=len(gaps))


def comparison_chart(runs: list[RunArtifacts]) -> Chart:
    """Seeds of each run; thin lines join the same seed where the test samples are the same."""
    metric = runs[0].task.headline
    shown = [run for run in runs if metric in run.result]

    def draw(figure):
        axes = figure.subplots()
        for height, run in enumerate(shown):
            values = run.result[metric]["values"]
            mean, deviation = run.result[metric]["mean"], run.result[metric]["std"]
            axes.errorbar(mean, height, xerr=deviation, fmt="D", color=COLOURS[0], capsize=4, markersize=6, zorder=3)
            for seed, value in zip(run.result["seeds"], values, strict=True):
                tip(axes.plot(value, height + 0.16, "o", color=COLOURS[1], markersize=4)[0],
                    f"{run.name}, seed {seed}: {value:.1f} %")  # fmt: skip
        for height, (one, other) in enumerate(itertools.pairwise(shown)):
            if one.result["data"]["hash"] == other.result["data"]["hash"]:
                for pair in zip(one.result[metric]["values"], other.result[metric]["values"], strict=False):
                    axes.plot(pair, (height + 0.16, height + 1.16), color="#999999", linewidth=0.7, zorder=1)
        axes.set_yticks(range(len(shown)), [run.name for run in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel(f"{metric} (%)")
        axes.grid(axis="y", visible=False)

    caption = "Diamonds: mean and one standard deviation over seeds; dots: seeds; lines join the same seed."
    return Chart("comparison", f"{metric} of the runs", caption, draw, (4.9, 1.2 + 0.5 * len(shown)))
