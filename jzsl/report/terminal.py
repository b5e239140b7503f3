"""Tables on the terminal."""

from typing import Any

import numpy as np
from rich.table import Table

from jzsl.driver.lengths import in_words
from jzsl.problem.problem import Problem
from jzsl.report.words import cluster_words

_SHOWN = 40


def result_table(result: dict[str, Any], numbers: list[str]) -> Table:
    """The result of a run: mean and standard deviation over seeds in percent, then the value of each seed."""
    table = Table(title=f"{result['data']['name']}, {result['setting']}, {result['features']['name']}")
    table.add_column("metric (%)")
    for heading in ("mean", "std", "values by seed"):
        table.add_column(heading, justify="right")
    for name in numbers:
        entry = result[name]
        values = "  ".join(f"{value:.1f}" for value in entry["values"])
        spread = "-" if entry["std"] is None else f"{entry['std']:.1f}"
        table.add_row(name, f"{entry['mean']:.1f}", spread, values)
    how = "chosen on validation classes" if result["epochs_chosen"] else "fixed"
    rounds = f" per round, {_count(result['rounds'], 'round')}" if result["rounds"] else ""
    seeds = f"{_count(len(result['seeds']), 'seed')}, {result['duration_s']:.0f} s"
    offset = "" if result["offset"] is None else f", calibration offset {result['offset']:.3g}"
    choice = "" if result["choice"] is None else f"\n{in_words(result['choice'])}"
    clusters = "" if result.get("clusters") is None else f", {cluster_words(result['clusters'])}"
    table.caption = f"{_count(result['epochs'], 'epoch')} ({how}){rounds}{offset}{clusters}, {seeds}{choice}"
    return table


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def problem_table(problem: Problem) -> Table:
    """Shape and memory of a problem's samples, its classes, splits, notes, warnings and hash."""
    splits, provenance, samples = problem.splits, problem.provenance, problem.samples
    extraction = provenance.extraction
    shape = " x ".join(map(str, problem.sample_shape))
    table = Table(title=provenance.name, show_header=False)
    semantics = "none" if problem.semantics is None else f"{problem.semantics.shape[1]} dimensions"
    for name, value in (
        ("from", provenance.origin),
        ("samples", f"{provenance.features}: {len(samples)} of {shape}, {samples.dtype}, {_bytes(samples.nbytes)}"),
        *([("network", extraction.words)] if extraction is not None and extraction.network else []),
        ("backbone", provenance.backbone.value),
        ("semantics", f"{provenance.semantics}: {semantics}"),
        ("observed entries", "all" if problem.observed is None else f"{100 * problem.observed.mean():.1f} %"),
        ("classes", f"{len(problem.seen_classes)} seen, {len(problem.unseen_classes)} unseen"),
        *([("domains", _domains(problem.domains, problem.domain_names))] if problem.domains is not None else []),
        ("training samples", f"{len(splits.train)}"),
        ("unlabelled samples", f"{len(splits.unlabelled)}"),
        ("test samples, seen", f"{len(splits.test_seen)}"),
        ("test samples, unseen", f"{len(splits.test_unseen)}"),
        (
            "validation",
            f"{len(splits.validation_classes)} classes, {len(splits.validation_seen)} held-out samples of seen ones",
        ),
        ("hash", problem.hash),
        *(("note", note) for note in provenance.notes),
        *(("warning", warning) for warning in problem.warnings),
    ):
        table.add_row(name, value)
    return table


def _bytes(count: int) -> str:
    """In the unit that reads best."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


def _domains(domains: np.ndarray, names: tuple[str, ...]) -> str:
    counts = np.bincount(domains, minlength=len(names))
    return ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))


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
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    if stride > 1:
        table.caption = f"one of every {stride} rows; all {len(rows)} are in the written table"
    return table


def timing_table(rows: list[tuple[str, float, float]]) -> Table:
    """Parts of a run by the time they took: name, seconds, share in percent."""
    table = Table(title="where the time went")
    for heading in ("part", "s", "%"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for name, seconds, share in rows:
        table.add_row(name, f"{seconds:.2f}", f"{share:.0f}")
    return table
