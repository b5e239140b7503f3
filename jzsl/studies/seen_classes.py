"""ABP paper, fig. 5: what do more seen classes change?

Columns: base, seen classes (in training), the metrics of the generalized task (%, means over seeds), then their
standard deviations.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from jzsl.errors import InputError
from jzsl.problem.problem import Problem
from jzsl.report.figures import COLOURS
from jzsl.studies.bases import GENERATORS
from jzsl.studies.harness import Harness
from jzsl.studies.study import (
    Seeds,
    Study,
    StudyResult,
    StudySetup,
    claim,
    compare,
    deviation,
    only_generative,
)
from jzsl.tasks.gzsl import GZSL

SHARES = (0.25, 0.5, 0.75, 1.0)
_Values = dict[tuple[str, int], list[dict[str, float]]]


def seen_classes(setup: StudySetup) -> StudyResult:
    """The generalized task when a random share of the seen classes has samples; the unseen ones stay."""
    problem = setup.problem
    if not len(problem.splits.test_seen):
        raise InputError(f"{problem.provenance.origin}: splits.test_seen: no samples, so seen classes have no score")
    values = _train(setup)
    names = list(dict.fromkeys(name for name, _ in values))
    counts = sorted({count for _, count in values})
    words = [
        f"{name}: S {_means(values, name, 'S')[0]:.1f} to {_means(values, name, 'S')[-1]:.1f} %, "
        f"U {_means(values, name, 'U')[0]:.1f} to {_means(values, name, 'U')[-1]:.1f} %, area under the curve "
        f"{_means(values, name, 'AUSUC')[0]:.1f} to {_means(values, name, 'AUSUC')[-1]:.1f} %"
        for name in names
    ]

    def of_seeds(name: str, count: int, metric: str) -> Seeds:
        return [metrics[metric] for metrics in values[name, count]]

    few, many = counts[0], counts[-1]
    pairs = {(name, "S"): (of_seeds(name, few, "S"), of_seeds(name, many, "S")) for name in names}
    pairs |= {(name, "U"): (of_seeds(name, many, "U"), of_seeds(name, few, "U")) for name in names}
    differences = compare(pairs)
    falls, rises = (claim(differences[name, metric] for name in names) for metric in ("S", "U"))
    return StudyResult(
        f"That S falls with more seen classes {falls}, that U rises {rises}, from {few} to {many} classes. "
        f"{'; '.join(words)}.",
        _rows(values),
        lambda figure: _draw(figure, values),
        (
            f"inductive generalized task, {setup.epochs} epochs, no calibration; each seed draws its classes; claims: "
            "paired t-tests over seeds, Holm-corrected for all bases and both metrics",
        ),
    )


def _train(setup: StudySetup) -> _Values:
    """The metrics of every seed, by base and number of seen classes."""
    values: _Values = {}
    problem = setup.problem
    for name, base in only_generative(setup).items():
        harness = Harness(setup, base, GZSL())
        y, w = np.asarray(harness.pool.y), np.asarray(harness.pool.w)
        for seed in range(setup.seeds):
            order = np.random.default_rng(seed).permutation(problem.seen_classes)
            for share in SHARES:
                count = max(2, round(share * len(order)))
                setup.progress(f"{name}: seed {seed}, {count} seen classes")
                part = with_seen(problem, order[:count])
                pool = harness.pool._replace(w=np.where(np.isin(y, order[:count]), w, 0).astype(np.int32))
                classes = harness.classes._replace(seen=np.isin(np.arange(len(problem.class_names)), order[:count]))
                state = harness.trained(seed, pool, classes)
                values.setdefault((name, count), []).append(harness.metrics_on(part, state, pool, classes))
    return values


def _means(values: _Values, name: str, metric: str) -> list[float]:
    """Of one base, by number of seen classes."""
    counts = sorted({count for _, count in values})
    return [float(np.mean([metrics[metric] for metrics in values[name, count]])) for count in counts]


def _rows(values: _Values) -> list[dict[str, Any]]:
    rows = []
    for (name, count), of_seeds in values.items():
        columns = {metric: [metrics[metric] for metrics in of_seeds] for metric in GZSL().numbers}
        means = {metric: round(float(np.mean(column)), 2) for metric, column in columns.items()}
        spread = {f"{metric} std": deviation(column) for metric, column in columns.items()}
        rows.append({"base": name, "seen classes": count, **means, **spread})
    return rows


def _draw(figure: Any, values: _Values) -> None:
    names, counts = dict.fromkeys(name for name, _ in values), sorted({count for _, count in values})
    titles = {"U": "accuracy of unseen classes, U (%)", "S": "accuracy of seen classes, S (%)",
              "AUSUC": "area under the seen-unseen curve (%)"}  # fmt: skip
    for axes, (metric, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        for colour, name in zip(COLOURS, names, strict=False):
            label = name if metric == "U" else None
            axes.plot(counts, _means(values, name, metric), marker="o", color=colour, label=label)
        axes.set_xlabel("seen classes in training")
        axes.set_ylabel(title)
    figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")


def with_seen(problem: Problem, classes: Int[np.ndarray, " s"]) -> Problem:
    """The problem with samples of these seen classes only; the unseen ones stay."""
    splits = problem.splits

    def kept(samples: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
        return samples[np.isin(problem.labels[samples], classes)]

    none = np.zeros(0, np.int64)
    part = splits._replace(
        train=kept(splits.train), test_seen=kept(splits.test_seen), validation_classes=none, validation_seen=none
    )
    return replace(problem, splits=part)


STUDY = Study("What do more seen classes change? (ABP, fig. 5)", seen_classes, GENERATORS)
