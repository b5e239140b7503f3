"""Charts of classes: the accuracy of each, how often it is predicted, and what it is predicted as."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jzsl.report.chart import Chart, tip
from jzsl.report.class_metrics import MOST_CLASSES, ClassMetrics, class_metrics, estimated_prior, prior_name
from jzsl.report.figures import COLOURS
from jzsl.report.run_artifacts import RunArtifacts

NAMED = 40
"""Classes that fit an axis by name; more are shown by rank."""
_SINGLY = 300
"""Classes that are drawn one by one."""
_WRITTEN = 12
"""Classes whose confusions are written into the cells."""


def class_charts(run: RunArtifacts) -> list[Chart]:
    """Of the first task."""
    metrics = class_metrics(run.of_task(run.task))
    charts = [_accuracy(run, metrics), _shares(run, metrics)]
    return charts if metrics.confusion is None else [*charts, _confusion(run, metrics, metrics.confusion)]


def _height(classes: int) -> float:
    if classes > NAMED:
        return 6.0
    return 1.1 + 0.24 * classes if classes > 6 else 2.6


def _name_axis(axes: Any, names: list[str]) -> None:
    """Classes downwards, by name where these fit."""
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    if len(names) <= NAMED:
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
    else:
        axes.set_ylabel("class, by rank")


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:20]}…"


def _accuracy(run: RunArtifacts, metrics: ClassMetrics) -> Chart:
    mean = metrics.accuracy.mean(0)
    order = np.argsort(-mean, kind="stable")
    names = [run.class_names[number] for number in metrics.classes[order]]
    unseen = np.isin(metrics.classes[order], run.unseen)

    def draw(figure):
        axes = figure.subplots()
        colours = np.where(unseen, COLOURS[0], COLOURS[1])
        if len(order) > _SINGLY:
            axes.plot(mean[order], range(len(order)), color=COLOURS[0])
        else:
            bars = axes.barh(range(len(order)), mean[order], color=colours, height=0.72)
            for bar, index, name in zip(bars, order.tolist(), names, strict=True):
                tip(bar, f"{name}: {mean[index]:.1f} %, {_count(run, metrics, index)} samples")
        if len(metrics.accuracy) > 1 and len(order) <= _SINGLY:
            for values in metrics.accuracy:
                axes.plot(values[order], range(len(order)), "o", markersize=3, markerfacecolor="white",
                          markeredgecolor="#555555", markeredgewidth=0.8)  # fmt: skip
        for group, colour in ((unseen, COLOURS[0]), (~unseen, COLOURS[1])):
            if group.any():
                axes.axvline(mean[order][group].mean(), color=colour, linestyle="--", linewidth=1)
        axes.set_xlim(0, 103)
        axes.set_xlabel("accuracy of the class (%)")
        _name_axis(axes, names)
        if unseen.any() and not unseen.all() and len(order) <= _SINGLY:
            for colour, word in ((COLOURS[0], "unseen"), (COLOURS[1], "seen")):
                axes.barh([0], [0], color=colour, label=word)
            figure.legend(loc="outside lower center", ncols=2, frameon=False)

    seeds = " Bars: mean over seeds; dots: single seeds." if len(metrics.accuracy) > 1 else ""
    groups = " of unseen and of seen classes" if unseen.any() and not unseen.all() else ""
    caption = f"Accuracies range from {mean.min():.1f} to {mean.max():.1f} %.{seeds} Dashed: mean{groups}."
    return Chart("class-accuracy", "Accuracy of each class, sorted", caption, draw, (4.6, _height(len(order))))


def _count(run: RunArtifacts, metrics: ClassMetrics, index: int) -> int:
    """Test samples of a class."""
    return int(np.sum(run.of_task(run.task)[0].truth == metrics.classes[index]))


def _shares(run: RunArtifacts, metrics: ClassMetrics) -> Chart:
    order = np.argsort(-metrics.true, kind="stable")
    predicted, prior = metrics.predicted.mean(0), estimated_prior(run)
    names = [run.class_names[number] for number in metrics.candidates[order]]
    marks = [("true share", metrics.true, "D", COLOURS[2]), ("predicted share", predicted, "o", COLOURS[0])]
    if prior is not None:
        marks.insert(1, (prior_name(run), prior.mean(0), "s", COLOURS[1]))

    def draw(figure):
        axes = figure.subplots()
        heights = np.arange(len(order))
        low = np.min([values[order] for _, values, _, _ in marks], axis=0)
        high = np.max([values[order] for _, values, _, _ in marks], axis=0)
        axes.hlines(heights, low, high, color="#999999", linewidth=1, rasterized=len(order) > _SINGLY)
        for label, values, marker, colour in marks:
            size = 6 if len(order) <= NAMED else 3
            hollow = {"markersize": size} if marker == "o" else {"markerfacecolor": "none", "markersize": size + 3}
            axes.plot(
                values[order], heights, marker, color=colour, label=label, rasterized=len(order) > _SINGLY, **hollow
            )
            if len(order) <= NAMED:
                for height, value, name in zip(heights, values[order], names, strict=True):
                    tip(axes.plot(value, height, marker, alpha=0, markersize=9)[0], f"{name}: {label} {value:.1f} %")
        axes.set_xlim(left=0)
        axes.set_xlabel("share of the test samples (%)")
        _name_axis(axes, names)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)

    caption = "The true shares are shown for comparison; training never used them."
    if len(metrics.predicted) > 1:
        caption += " All others are means over seeds."
    return Chart("class-share", "How often each class is predicted", caption, draw, (4.6, _height(len(order)) + 0.3))


def _confusion(run: RunArtifacts, metrics: ClassMetrics, confusion: Float[np.ndarray, "c k"]) -> Chart:
    rows = np.isin(metrics.classes, run.unseen)
    columns = np.isin(metrics.candidates, run.unseen)
    if not rows.any():  # every class is seen
        rows[:], columns[:] = True, True
    table = confusion[rows][:, columns]
    names = [run.class_names[number] for number in metrics.classes[rows]]
    others = [run.class_names[number] for number in metrics.candidates[columns]]
    if not columns.all():
        table = np.column_stack([table, confusion[rows][:, ~columns].sum(1)])
        others.append("a seen class")

    def draw(figure):
        axes = figure.subplots()
        image = axes.imshow(table, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        axes.grid(visible=False)
        if len(names) <= _WRITTEN:
            for row, values in enumerate(table):
                for column, value in enumerate(values):
                    ink = "black" if value > 50 else "white"
                    axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=ink, fontsize="small")
        if len(names) <= NAMED:
            axes.set_yticks(range(len(names)), [_short(name) for name in names])
            axes.set_xticks(
                range(len(others)), [_short(name) for name in others], rotation=90 if len(others) > 4 else 0
            )
        axes.set_xlabel("predicted as")
        axes.set_ylabel("true class")
        figure.colorbar(image, ax=axes, label="samples of the true class (%)", shrink=0.8)

    side = max(2.9, min(1.6 + 0.24 * len(names), 7.0))
    whose = "unseen classes" if np.isin(metrics.classes, run.unseen).any() else "classes"
    mean = ", mean over seeds" if len(metrics.accuracy) > 1 else ""
    caption = f"Share of each true class that is predicted as each class{mean}. Rows add up to 100 %."
    return Chart("confusion", f"Confusion of {whose}", caption, draw, (4.6 if side < 5 else 5.4, side))


def _most_confused(run: RunArtifacts, metrics: ClassMetrics, shares: Float[np.ndarray, " k"], column: int) -> str:
    """What the samples of a class are most often wrongly predicted as."""
    wrong = np.where(np.arange(len(shares)) == column, 0, shares)
    worst = int(wrong.argmax())
    return f"{run.class_names[metrics.candidates[worst]]} ({wrong[worst]:.0f} %)" if wrong[worst] else "–"


def class_table(run: RunArtifacts) -> tuple[list[str], list[list[str | float]]]:
    """Headings and rows of the table of classes, in percent; of very many classes the best and the worst ones."""
    metrics, prior = class_metrics(run.of_task(run.task)), estimated_prior(run)
    headings = ["class", "samples", "accuracy", "predicted share", "true share"]
    headings += [] if prior is None else [prior_name(run)]
    rows: list[list[str | float]] = []
    order, half = np.argsort(-metrics.accuracy.mean(0), kind="stable"), MOST_CLASSES // 2
    shown = np.arange(len(order)) if len(order) <= MOST_CLASSES else np.concatenate([order[:half], order[-half:]])
    for index, number in zip(shown.tolist(), metrics.classes[shown], strict=True):
        column = int(np.flatnonzero(metrics.candidates == number)[0])
        confused = metrics.confusion
        row: list[str | float] = [
            run.class_names[number],
            _count(run, metrics, index),
            float(metrics.accuracy[:, index].mean()),
            float(metrics.predicted[:, column].mean()),
            float(metrics.true[column]),
        ]
        row += [] if prior is None else [float(prior[:, column].mean())]
        rows.append([*row, "–" if confused is None else _most_confused(run, metrics, confused[index], column)])
    return [*headings, "most often confused with"], rows
