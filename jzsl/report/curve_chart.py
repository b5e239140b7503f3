"""The seen-unseen curve of a run, with the point at which it decides."""

import numpy as np

from jzsl.metrics.curve import SeenUnseenCurve, seen_unseen_curve
from jzsl.report.chart import Chart, tip
from jzsl.report.evidence import Evidence
from jzsl.report.figures import COLOURS
from jzsl.tasks.gzsl import GZSL


def curve_charts(evidence: Evidence) -> list[Chart]:
    """One, if the run has scores of seen and unseen classes."""
    if GZSL() not in evidence.experiment.tasks or evidence.of(GZSL())[0].ranked:
        return []
    curves = [_curve(evidence, seed) for seed in range(len(evidence.predictions))]
    return [_chart(evidence, curves)]


def _curve(evidence: Evidence, seed: int) -> SeenUnseenCurve:
    found = evidence.of(GZSL())[seed]
    seen = ~np.isin(found.candidates, evidence.unseen)
    return seen_unseen_curve(found.scores, found.truth, found.candidates, seen)


def _chart(evidence: Evidence, curves: list[SeenUnseenCurve]) -> Chart:
    result = evidence.result
    seen, unseen = (result[name]["values"] for name in ("S", "U"))

    def draw(figure):
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            label = "every bonus on unseen classes" if number == 0 else None
            axes.plot(100 * curve.unseen, 100 * curve.seen, color=COLOURS[0], linewidth=1.2, alpha=0.7, label=label)
        points = axes.plot(unseen, seen, "o", color=COLOURS[5], markersize=6, label="where the run decides")
        tip(points[0], f"U {np.mean(unseen):.1f} %, S {np.mean(seen):.1f} %, H {result['H']['mean']:.1f} %")
        grid = np.linspace(1, 100, 200)
        for level in (20, 40, 60, 80):
            with np.errstate(divide="ignore"):
                same = np.where(2 * grid > level, level * grid / np.maximum(2 * grid - level, 1e-9), np.nan)
            axes.plot(grid, np.where(same <= 100, same, np.nan), ":", color="#888888", linewidth=0.8)
            axes.annotate(f"H {level}", (level, level), fontsize="x-small", color="#888888", ha="left", va="bottom")
        axes.set_xlim(0, 101)
        axes.set_ylim(0, 101)
        axes.set_xlabel("accuracy of unseen classes, U (%)")
        axes.set_ylabel("accuracy of seen classes, S (%)")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)

    lines = "A line a seed; dotted" if len(curves) > 1 else "Dotted"
    caption = f"Area under it (AUSUC): {result['AUSUC']['mean']:.1f} %. {lines}: equal harmonic mean."
    return Chart("seen-unseen-curve", "Seen against unseen accuracy", caption, draw, (4.6, 3.8))
