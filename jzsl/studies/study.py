"""What a study is, what it is given, what it returns, and its statistics: paired tests, Holm's correction."""

import csv
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float
from scipy.stats import ttest_rel

from jzsl.config import Stage
from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig, Task
from jzsl.methods.generative import Generative
from jzsl.metrics.holm import holm
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import TransformConfig
from jzsl.report.figures import save_figure
from jzsl.self_training.sths import STHS
from jzsl.tasks.zsl import ZSL

SIGNIFICANT = 0.05
"""Level of the paired tests over seeds."""

K = TypeVar("K", bound=Hashable)
Seeds = list[float]
"""A metric of each seed."""


class StudyResult(NamedTuple):
    """What a study returns.

    Attributes:
        answer: what the results show, also where they contradict the source.
        rows: the table, one dictionary per row.
        draw: fills a new Matplotlib figure.
        notes: what a reader must know (setting, features).
        columns: of a wide table, those that a terminal shows; empty for all.
    """

    answer: str
    rows: list[dict[str, Any]]
    draw: Callable[[Any], None]
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudySetup:
    """What every study is given.

    Attributes:
        problem: the data.
        bases: name and configuration of each base method.
        transform: of the samples.
        epochs: epochs of each training.
        seeds: number of seeds.
        rounds: T, where a study self-trains.
        hard_class_fraction: K, as a share of the unseen classes, where a study self-trains.
        tasks: that a config scores, where a study scores more than its own task.
        calibration: whether scores of the generalized task are calibrated on validation classes there.
        progress: called with one line about each step.
        frequency: how often each sample of the problem is recognised, by people or by other means, in [0, 1]; None
            where it was not measured.
        self_training: that of a config, where a study compares selections; None: the study's.
        stages: those of a config before its method, where a study trains them.
    """

    problem: Problem
    bases: dict[str, MethodConfig]
    transform: TransformConfig
    epochs: int
    seeds: int
    rounds: int = 4
    hard_class_fraction: float = 0.8
    tasks: tuple[Task, ...] = (ZSL(),)
    calibration: bool = False
    progress: Callable[[str], None] = field(default=lambda text: None)
    frequency: Float[np.ndarray, " n"] | None = None
    self_training: STHS | None = None
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True)
class Study:
    """A study: a module exports one as STUDY, and `jzsl study` runs it by the module's name or its file.

    Attributes:
        question: what it asks, with its source.
        run: computes the result.
        bases: names of the base methods (`jzsl.studies.bases`) that it studies by default.
        epochs: of each training, by default.
        data: by default, as `jzsl study --data` takes it.
        stages: whether it trains the stages of a config before its method, or trains no method; else a config with
            stages is refused.
        self_training: the fields of a config's self-training that it keeps or compares; one of another value than the
            default in any other field is refused. None: the study does not self-train, and its notes say so.
    """

    question: str
    run: Callable[[StudySetup], StudyResult]
    bases: tuple[str, ...] = ("s2v", "abp")
    epochs: int = 5
    data: str = "digits"
    stages: bool = False
    self_training: tuple[str, ...] | None = None


def only_generative(setup: StudySetup) -> dict[str, Generative]:
    """The bases of a study of generators.

    Raises:
        InputError: naming a base that has no generator.
    """
    for name, base in setup.bases.items():
        if not isinstance(base, Generative):
            raise InputError(f"base: {name} found, expected a method with a generator")
    return {name: base for name, base in setup.bases.items() if isinstance(base, Generative)}


class Difference(NamedTuple):
    """A paired comparison over seeds, or over draws of classes.

    Attributes:
        mean: mean difference, in points.
        p: of the paired t-test, corrected by Holm's method for the comparisons made together; None where the
            differences have no spread.
        pairs: their number.
        comparisons: number of tests that the correction is for.
        over: what the pairs are of.
    """

    mean: float
    p: float | None
    pairs: int
    comparisons: int
    over: str = "seeds"

    @property
    def significant(self) -> bool:
        """At the level of `SIGNIFICANT`."""
        return self.p is not None and self.p < SIGNIFICANT

    def __str__(self) -> str:
        if self.p is None:
            return f"{self.mean:+.1f} points"
        shown = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        many = f", Holm-corrected for {self.comparisons} comparisons" if self.comparisons > 1 else ""
        return f"{self.mean:+.1f} points (paired t-test over {self.pairs} {self.over}{many}: {shown})"


def compare(pairs: Mapping[K, tuple[Seeds, Seeds]], over: str = "seeds") -> dict[K, Difference]:
    """The first of each pair less the second; pass all comparisons of a study at once, as p is corrected for their
    number.

    Args:
        pairs: the values of the two sides, one per seed.
        over: what there is one value of, where that is not a seed, such as "draws".
    """
    p = {key: _p_value(*pair) for key, pair in pairs.items()}
    tested = [key for key, value in p.items() if value is not None]
    corrected = dict(zip(tested, holm([value for value in p.values() if value is not None]), strict=True))
    return {
        key: Difference(float(np.mean(np.subtract(*pair))), corrected.get(key), len(pair[0]), len(tested), over)
        for key, pair in pairs.items()
    }


def claim(differences: Iterable[Difference]) -> str:
    """Whether all differences are positive: a claim holds only where all are significant, too."""
    differences = list(differences)
    if not all(difference.mean > 0 for difference in differences):
        return verdict(False)
    significant = all(difference.significant for difference in differences)
    return verdict(True) if significant else "holds here in the mean only, within the spread over seeds"


def verdict(held: bool | None) -> str:
    """The end of a sentence that begins with "That ..."; None: a metric that it depends on is undefined, such as the
    correlation of a constant."""
    if held is None:
        return "is undefined here"
    return "holds here" if held else "does NOT hold here"


def _p_value(first: Seeds, second: Seeds) -> float | None:
    """Of the paired t-test; None where the differences have no spread."""
    if len(first) < 2 or np.ptp(np.subtract(first, second)) == 0:
        return None
    test: Any = ttest_rel(first, second)
    return float(test.pvalue)


def defined_mean(values: Float[np.ndarray, " n"]) -> float:
    """Mean of what is not NaN; NaN if all is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def deviation(values: Sequence[float], digits: int = 2) -> float | None:
    """Sample standard deviation over seeds; None for one seed."""
    return round(float(np.std(values, ddof=1)), digits) if len(values) > 1 else None


def seed_columns(values: Seeds, measure: str, digits: int = 2) -> dict[str, Any]:
    """Columns of a row: mean and standard deviation over seeds, and the value of each."""
    return {
        measure: round(float(np.mean(values)), digits),
        "std": deviation(values, digits),
        "values": " ".join(f"{value:.{digits}f}" for value in values),
    }


def group_rows(values: Mapping[tuple[str, str], Seeds], measure: str, digits: int = 2) -> list[dict[str, Any]]:
    """The table of a study that compares groups for each base."""
    return [
        {"base": name, "group": group, **seed_columns(of_seeds, measure, digits)}
        for (name, group), of_seeds in values.items()
    ]


def sweep_rows(values: Mapping[tuple[str, int], Seeds], column: str, measure: str) -> list[dict[str, Any]]:
    """The table of a study that sweeps a number for each base."""
    return [
        {"base": name, column: number, **seed_columns(of_seeds, measure)} for (name, number), of_seeds in values.items()
    ]


def write(title: str, result: StudyResult, out: Path, header: dict[str, Any]) -> None:
    """table.csv, table.json, figure.png and figure.svg in the folder `out`, which must not exist.

    Args:
        title: of the figure; the study's question.
        result: of the study.
        out: the folder to make.
        header: further entries of table.json.

    Raises:
        InputError: if the folder cannot be made.
    """
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror})") from error
    columns = list(dict.fromkeys(name for row in result.rows for name in row))
    with (out / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(result.rows)
    saved = {**header, "question": title, "answer": result.answer, "notes": result.notes, "rows": result.rows}
    (out / "table.json").write_text(json.dumps(saved, indent=2) + "\n")
    save_figure(result.draw, title, out / "figure")
