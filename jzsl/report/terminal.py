"""Progress bars and tables on the terminal."""

from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from jzsl.problem.problem import Problem

_SHOWN = 40


class _Rate(ProgressColumn):
    """Epochs a second, or seconds an epoch where that is more readable."""

    def render(self, task) -> Text:
        speed = task.finished_speed or task.speed or (task.completed / task.elapsed if task.elapsed else None)
        if not speed:
            return Text("- s/epoch")
        return Text(f"{speed:.1f} epochs/s" if speed > 1 else f"{1 / speed:.1f} s/epoch")


def epoch_progress(console: Console) -> Progress:
    """A bar with the count of epochs, their rate, the remaining time and the newest numbers."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
        console=console,
    )


def result_table(result: dict[str, Any], numbers: list[str]) -> Table:
    """The result of a run: mean and standard deviation over seeds in percent, then each seed's value."""
    table = Table(title=f"{result['data']['name']}, {result['setting']}, {result['features']['name']}")
    table.add_column("number (%)")
    for heading in ("mean", "std", "values by seed"):
        table.add_column(heading, justify="right")
    for name in numbers:
        entry = result[name]
        values = "  ".join(f"{value:.1f}" for value in entry["values"])
        table.add_row(name, f"{entry['mean']:.1f}", f"{entry['std']:.1f}", values)
    chosen = "chosen on validation classes" if result["epochs_chosen"] else "fixed"
    rounds = f" a round, {result['rounds']} rounds" if result["rounds"] else ""
    seeds = f"{len(result['seeds'])} seeds, {result['duration_s']:.0f} s"
    bonus = "" if result["factor"] is None else f", {result['factor']:.3g} added to scores of unseen classes"
    table.caption = f"{result['epochs']} epochs ({chosen}){rounds}{bonus}, {seeds}"
    return table


def problem_table(problem: Problem) -> Table:
    """Sizes, classes, splits and hash of a problem."""
    splits, provenance = problem.splits, problem.provenance
    table = Table(title=provenance.name, show_header=False)
    for name, value in (
        ("from", provenance.origin),
        ("features", f"{provenance.features}: {len(problem.samples)} rows of {problem.samples.shape[1]}"),
        ("backbone", provenance.backbone.value),
        ("semantics", f"{provenance.semantics}: {problem.semantics.shape[1]} dimensions"),
        ("observed entries", "all" if problem.observed is None else f"{100 * problem.observed.mean():.1f} %"),
        ("classes", f"{len(problem.seen_classes)} seen, {len(problem.unseen_classes)} unseen"),
        ("training rows", f"{len(splits.train)}"),
        ("test-seen rows", f"{len(splits.test_seen)}"),
        ("test-unseen rows", f"{len(splits.test_unseen)}"),
        (
            "validation",
            f"{len(splits.validation_classes)} classes, {len(splits.validation_seen)} held-out seen rows",
        ),
        ("hash", problem.hash),
        *(("note", note) for note in provenance.notes),
    ):
        table.add_row(name, value)
    return table


def study_table(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> Table:
    """The table of a study: all columns but the single values of the seeds, and of a long one evenly spaced rows.

    Args:
        title: above it.
        rows: one dictionary a row.
        columns: those to show, where the written table has more than a terminal is wide.
    """
    table = Table(title=title)
    columns = columns or tuple(name for name in rows[0] if name != "values")
    for name in columns:
        table.add_column(name, justify="right" if isinstance(rows[0][name], int | float) else "left")
    stride = -(-len(rows) // _SHOWN)
    for row in rows[::stride]:
        table.add_row(*(str(row[name]) for name in columns))
    if stride > 1:
        table.caption = f"one of every {stride} rows; all {len(rows)} are in the written table"
    return table


def stage_table(rows: list[tuple[str, float, float]]) -> Table:
    """Stages of a run by the time they took: name, seconds, share in percent."""
    table = Table(title="most expensive stages")
    for heading in ("stage", "s", "%"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, seconds, share in rows:
        table.add_row(name, f"{seconds:.2f}", f"{share:.0f}")
    return table
