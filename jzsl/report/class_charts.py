"""Charts about classes: how unevenly they are predicted, how often, and as what."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jzsl.report.chart import Chart, tip
from jzsl.report.evidence import MOST_CLASSES, ClassNumbers, Evidence, class_numbers, estimated_prior, prior_name
from jzsl.report.figures import COLOURS

NAMED = 40
"""Classes that fit an axis by name; more are shown by rank."""
_SINGLY = 300
"""Classes that are drawn one by one."""
_WRITTEN = 12
"""Classes whose confusions are written into the cells."""


def class_charts(evidence: Evidence) -> list[Chart]:
    """Of the first task."""
    numbers = class_numbers(evidence.of(evidence.task))
    charts = [_accuracy(evidence, numbers), _shares(evidence, numbers)]
    return charts if numbers.confusion is None else [*charts, _confusion(evidence, numbers, numbers.confusion)]


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


def _accuracy(evidence: Evidence, numbers: ClassNumbers) -> Chart:
    mean = numbers.accuracy.mean(0)
    order = np.argsort(-mean, kind="stable")
    names = [evidence.class_names[numbers.classes[place]] for place in order]
    unseen = np.isin(numbers.classes[order], evidence.unseen)

    def draw(figure):
        axes = figure.subplots()
        colours = np.where(unseen, COLOURS[0], COLOURS[1])
        if len(order) > _SINGLY:
            axes.plot(mean[order], range(len(order)), color=COLOURS[0])
        else:
            bars = axes.barh(range(len(order)), mean[order], color=colours, height=0.72)
            for bar, place, name in zip(bars, order, names, strict=True):
                tip(bar, f"{name}: {mean[place]:.1f} %, {int(_rows(numbers, place, evidence))} rows")
        if len(numbers.accuracy) > 1 and len(order) <= _SINGLY:
            for values in numbers.accuracy:
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

    spread = f"from {mean.min():.1f} to {mean.max():.1f} %"
    seeds = "mean over seeds; dots: single seeds; " if len(numbers.accuracy) > 1 else ""
    groups = ", of unseen and of seen classes" if unseen.any() and not unseen.all() else ""
    caption = f"Accuracies reach {spread}; {seeds}dashed: their mean{groups}."
    return Chart("class-accuracy", "Accuracy of each class, sorted", caption, draw, (4.6, _height(len(order))))


def _rows(numbers: ClassNumbers, place: int, evidence: Evidence) -> int:
    return int(np.sum(evidence.of(evidence.task)[0].truth == numbers.classes[place]))


def _shares(evidence: Evidence, numbers: ClassNumbers) -> Chart:
    order = np.argsort(-numbers.true, kind="stable")
    predicted, prior = numbers.predicted.mean(0), estimated_prior(evidence)
    names = [evidence.class_names[numbers.candidates[place]] for place in order]
    marks = [("true share", numbers.true, "D", COLOURS[2]), ("predicted share", predicted, "o", COLOURS[0])]
    if prior is not None:
        marks.insert(1, (prior_name(evidence), prior.mean(0), "s", COLOURS[1]))

    def draw(figure):
        axes = figure.subplots()
        places = np.arange(len(order))
        low = np.min([values[order] for _, values, _, _ in marks], axis=0)
        high = np.max([values[order] for _, values, _, _ in marks], axis=0)
        axes.hlines(places, low, high, color="#999999", linewidth=1, rasterized=len(order) > _SINGLY)
        for label, values, marker, colour in marks:
            size = 6 if len(order) <= NAMED else 3
            hollow = {"markersize": size} if marker == "o" else {"markerfacecolor": "none", "markersize": size + 3}
            axes.plot(
                values[order], places, marker, color=colour, label=label, rasterized=len(order) > _SINGLY, **hollow
            )
            if len(order) <= NAMED:
                for place, value, name in zip(places, values[order], names, strict=True):
                    tip(axes.plot(value, place, marker, alpha=0, markersize=9)[0], f"{name}: {label} {value:.1f} %")
        axes.set_xlim(left=0)
        axes.set_xlabel("share of the test rows (%)")
        _name_axis(axes, names)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)

    seen = "The true shares are told here, after the run; training never saw them."
    mean = " Predicted and estimated ones are means over seeds." if len(numbers.predicted) > 1 else ""
    return Chart(
        "class-share", "How often each class is predicted", seen + mean, draw, (4.6, _height(len(order)) + 0.3)
    )


def _confusion(evidence: Evidence, numbers: ClassNumbers, confusion: Float[np.ndarray, "c k"]) -> Chart:
    rows = np.isin(numbers.classes, evidence.unseen)
    columns = np.isin(numbers.candidates, evidence.unseen)
    if not rows.any():  # adaptation: every class is seen
        rows[:], columns[:] = True, True
    table = confusion[rows][:, columns]
    names = [evidence.class_names[number] for number in numbers.classes[rows]]
    others = [evidence.class_names[number] for number in numbers.candidates[columns]]
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
        figure.colorbar(image, ax=axes, label="rows of the true class (%)", shrink=0.8)

    side = max(2.9, min(1.6 + 0.24 * len(names), 7.0))
    whose = "unseen classes" if np.isin(numbers.classes, evidence.unseen).any() else "classes"
    caption = f"Of each true class (a row adds up to 100 %){', mean over seeds' if len(numbers.accuracy) > 1 else ''}."
    return Chart("confusion", f"Confusion of {whose}", caption, draw, (4.6 if side < 5 else 5.4, side))


def _taken_for(evidence: Evidence, numbers: ClassNumbers, row: Float[np.ndarray, " k"], column: int) -> str:
    """The class that takes most of the rows of another one."""
    wrong = np.where(np.arange(len(row)) == column, 0, row)
    worst = int(wrong.argmax())
    return f"{evidence.class_names[numbers.candidates[worst]]} ({wrong[worst]:.0f} %)" if wrong[worst] else "–"


def class_table(evidence: Evidence) -> tuple[list[str], list[list[str | float]]]:
    """Headings and rows of the table of classes; numbers are percent."""
    numbers, prior = class_numbers(evidence.of(evidence.task)), estimated_prior(evidence)
    truth = evidence.of(evidence.task)[0].truth
    headings = ["class", "rows", "accuracy", "predicted share", "true share", "most often taken for"]
    rows: list[list[str | float]] = []
    order, half = np.argsort(-numbers.accuracy.mean(0), kind="stable"), MOST_CLASSES // 2
    shown = np.arange(len(order)) if len(order) <= MOST_CLASSES else np.concatenate([order[:half], order[-half:]])
    for place, number in zip(shown, numbers.classes[shown], strict=True):
        column = int(np.flatnonzero(numbers.candidates == number)[0])
        taken = "–" if numbers.confusion is None else _taken_for(evidence, numbers, numbers.confusion[place], column)
        found: list[str | float] = [
            evidence.class_names[number],
            int(np.sum(truth == number)),
            float(numbers.accuracy[:, place].mean()),
            float(numbers.predicted[:, column].mean()),
            float(numbers.true[column]),
            taken,
        ]
        rows.append(found if prior is None else [*found[:5], float(prior[:, column].mean()), taken])
    return headings if prior is None else [*headings[:5], prior_name(evidence), headings[5]], rows
