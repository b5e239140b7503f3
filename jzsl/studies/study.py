"""What a study is, what it is given, and how its table is written."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import ttest_rel

from jzsl.driver.checkpoints import write_json
from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig
from jzsl.methods.generative import Generative
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import TransformConfig
from jzsl.report.figures import save_figure

SIGNIFICANT = 0.05
"""Level of the paired tests over seeds."""


class Finding(NamedTuple):
    """A study's answer.

    Attributes:
        question: what was asked, with its source.
        answer: what the numbers say, also where they contradict the source.
        rows: the table, one dictionary a row.
        draw: fills a new Matplotlib figure.
        notes: what a reader must know (setting, features).
        columns: of a wide table, those that a terminal shows; empty for all.
    """

    question: str
    answer: str
    rows: list[dict[str, Any]]
    draw: Callable[[Any], None]
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What every study is given.

    Attributes:
        problem: the data.
        bases: name and configuration of each base method.
        transform: of the samples.
        epochs: epochs of each training.
        seeds: number of seeds.
        rounds: T, where a study self-trains.
        hard: K there, as a share of the unseen classes.
        tell: is told what is going on.
        frequency: how often each row of the problem is recognised, by people or by other means, in [0, 1]; None where
            nobody measured it.
    """

    problem: Problem
    bases: dict[str, MethodConfig]
    transform: TransformConfig
    epochs: int
    seeds: int
    rounds: int = 4
    hard: float = 0.8
    tell: Callable[[str], None] = field(default=lambda text: None)
    frequency: Float[np.ndarray, " n"] | None = None


def only_generative(setting: Setting) -> dict[str, Generative]:
    """The bases of a study about generators.

    Raises:
        InputError: naming a base that is none.
    """
    for name, base in setting.bases.items():
        if not isinstance(base, Generative):
            raise InputError(f"base: {name} found, but this study is about generators")
    return {name: base for name, base in setting.bases.items() if isinstance(base, Generative)}


def paired(better: list[float], worse: list[float]) -> str:
    """Mean difference over seeds with its paired t-test, as words."""
    difference = float(np.mean(np.subtract(better, worse)))
    p = _p_value(better, worse)
    if p is None:
        return f"{difference:+.1f} points"
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return f"{difference:+.1f} points (paired t-test over {len(better)} seeds: {shown})"


def compared(pairs: list[tuple[list[float], list[float]]]) -> str:
    """Whether the first of each pair is the larger, over all bases: a claim holds only where it is significant too."""
    if not all(np.mean(better) > np.mean(worse) for better, worse in pairs):
        return "does NOT hold here"
    values = [_p_value(better, worse) for better, worse in pairs]
    significant = all(p is not None and p < SIGNIFICANT for p in values)
    return "holds here" if significant else "holds here in the mean only, within the spread over seeds"


def _p_value(better: list[float], worse: list[float]) -> float | None:
    """Of the paired t-test; None where the differences have no spread."""
    if len(better) < 2 or np.ptp(np.subtract(better, worse)) == 0:
        return None
    test: Any = ttest_rel(better, worse)
    return float(test.pvalue)


def defined_mean(values: Float[np.ndarray, " n"]) -> float:
    """Mean of what is not NaN; NaN if all is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def verdict(difference_is_positive: bool | None) -> str:
    """None: a number that decides it is undefined, such as the correlation of a constant."""
    if difference_is_positive is None:
        return "is undefined here"
    return "holds here" if difference_is_positive else "does NOT hold here"


def group_rows(values: dict[tuple[str, str], list[float]], measure: str, digits: int = 2) -> list[dict[str, Any]]:
    """The table of a study that compares groups for each base: mean, standard deviation and values over seeds."""
    return [
        {
            "base": name,
            "group": group,
            measure: round(float(np.mean(found)), digits),
            "std": round(float(np.std(found, ddof=1)), digits) if len(found) > 1 else 0.0,
            "values": " ".join(f"{value:.{digits}f}" for value in found),
        }
        for (name, group), found in values.items()
    ]


def sweep_rows(values: dict[tuple[str, int], list[float]], column: str, measure: str) -> list[dict[str, Any]]:
    """The table of a study that sweeps a number for each base."""
    groups = {(name, str(number)): found for (name, number), found in values.items()}
    return [
        {"base": row["base"], column: number, **{key: row[key] for key in (measure, "std", "values")}}
        for row, (_, number) in zip(group_rows(groups, measure), values, strict=True)
    ]


def write(finding: Finding, out: Path, header: dict[str, Any]) -> None:
    """table.csv, table.json, figure.png and figure.svg in the folder `out`, which must not exist.

    Raises:
        InputError: if the folder cannot be made.
    """
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror})") from error
    columns = list(dict.fromkeys(name for row in finding.rows for name in row))
    with (out / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(finding.rows)
    words = {"question": finding.question, "answer": finding.answer, "notes": finding.notes}
    write_json(out / "table.json", {**header, **words, "rows": finding.rows})
    save_figure(finding.draw, finding.question, out / "figure")
