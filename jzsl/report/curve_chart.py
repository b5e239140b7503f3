"""The seen-unseen curve of a run, with the operating point of its predictions."""

import numpy as np

from jzsl.driver.predictions import TaskPredictions
from jzsl.metrics.curve import SeenUnseenCurve, seen_unseen_curve
from jzsl.report.chart import Chart, tip
from jzsl.report.figures import COLOURS
from jzsl.report.run_artifacts import RunArtifacts


def curve_charts(run: RunArtifacts) -> list[Chart]:
    """One, if the run has scores of seen and unseen classes together, and its result the metrics of the curve."""
    tasks = [task for task in run.experiment.tasks if task.seen and task.unseen and "AUSUC" in task.numbers]
    if not tasks or run.of_task(tasks[0])[0].ranked:
        return []
    return [_chart(run, [_curve(run, predictions) for predictions in run.of_task(tasks[0])])]


def _curve(run: RunArtifacts, predictions: TaskPredictions) -> SeenUnseenCurve:
    seen = ~np.isin(predictions.candidates, run.unseen)
    return seen_unseen_curve(predictions.scores, predictions.truth, predictions.candidates, seen)


def _chart(run: RunArtifacts, curves: list[SeenUnseenCurve]) -> Chart:
    result = run.result
    seen, unseen = (result[name]["values"] for name in ("S", "U"))

    def draw(figure):
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            label = "all calibration offsets" if number == 0 else None
            axes.plot(100 * curve.unseen, 100 * curve.seen, color=COLOURS[0], linewidth=1.2, alpha=0.7, label=label)
        points = axes.plot(unseen, seen, "o", color=COLOURS[5], markersize=6, label="this run")
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

    lines = "One line per seed. " if len(curves) > 1 else ""
    caption = f"Area under the curve (AUSUC): {result['AUSUC']['mean']:.1f} %. {lines}Dotted: equal harmonic mean."
    return Chart("seen-unseen-curve", "Seen against unseen accuracy", caption, draw, (4.6, 3.8))
