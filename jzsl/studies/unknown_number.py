"""What does discovery lose where the number of new classes is not known? (low-supervision thesis, chapter 6, table 6)

Each method is trained with the true number of clusters, with the number that each estimator gives from the samples as
they are, and with multiples of the true one; after the config's stages where it takes variables over. Where there are
more clusters than classes, the samples of those without a class are wrong; where there are fewer, those of classes
without a cluster.

Columns: base, clusters, how (where that number is from), error (less the true number), ACC_new_pool (%, mean over
seeds), std, values (one per seed), NMI_new_pool (%, which asks for no map of clusters to classes), vs true (difference
in points to the true number) and its p.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jzsl.data.class_count.compactness import Compactness
from jzsl.data.class_count.estimate import CountEstimator
from jzsl.data.class_count.probe_classes import ProbeClasses
from jzsl.data.class_count.silhouette import Silhouette
from jzsl.data.clusters import with_number
from jzsl.errors import InputError
from jzsl.problem.problem import Problem
from jzsl.report.figures import COLOURS
from jzsl.studies.clusters import (
    LAST,
    ON_POOL,
    Trials,
    Variant,
    difference_columns,
    shown_columns,
    with_new_classes,
)
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, compare, seed_columns
from jzsl.tasks.discovery import Discovery

ESTIMATORS: tuple[CountEstimator, ...] = (Compactness(), ProbeClasses(), Silhouette())
FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0)
"""Multiples of the true number, rounded."""
TRUE = "true"


def true_number(problem: Problem) -> int:
    """How many classes the unlabelled samples are of.

    Raises:
        InputError: if that is not known.
    """
    if len(problem.unknown_samples):
        raise InputError(
            f"{problem.provenance.origin}: {len(problem.unknown_samples)} samples without a label found, expected "
            "labels of all, by which estimates are compared"
        )
    return len(np.unique(problem.labels[problem.new_samples]))


def estimates(problem: Problem) -> tuple[dict[str, int], tuple[str, ...]]:
    """The number of new classes by each estimator that has what it needs, and why others have not."""
    splits, numbers, notes = problem.splits, {}, []
    for estimator in ESTIMATORS:
        name = type(estimator).__name__
        try:
            numbers[name] = estimator.estimate(
                problem.samples[splits.train], problem.labels[splits.train], problem.samples[splits.unlabelled]
            ).classes
        except InputError as error:
            notes.append(f"no estimate by {name}: {error}")
    return numbers, tuple(notes)


def numbers_of(true: int, estimated: dict[str, int]) -> dict[int, str]:
    """The numbers of clusters to try in ascending order, and where each is from."""
    sources = {TRUE: true, **estimated, **{f"{factor:g} x true": max(1, round(factor * true)) for factor in FACTORS}}
    named = {
        number: [name for name, value in sources.items() if value == number] for number in sorted({*sources.values()})
    }
    telling = {number: [name for name in names if "x" not in name] or names for number, names in named.items()}
    return {number: ", ".join(names) for number, names in telling.items()}


def unknown_number(setup: StudySetup) -> StudyResult:
    """ACC_new_pool and NMI_new_pool with each number of clusters."""
    setup, task = with_new_classes(setup), Discovery()
    true = true_number(setup.problem)
    setup.progress("estimating the number of classes")
    estimated, notes = estimates(setup.problem)
    sources = numbers_of(true, estimated)
    metrics: dict[tuple[str, int], list[dict[str, float]]] = {}
    for number in sources:
        trials = Trials(replace(setup, problem=with_number(setup.problem, number)), task)
        for name, base in setup.bases.items():
            setup.progress(f"{name}: {number} clusters ({sources[number]})")
            stages = setup.stages if base.build(task).adopt is not None else ()
            metrics[name, number] = trials.metrics(Variant(base, stages))
    ordered = {(name, number): metrics[name, number] for name in setup.bases for number in sources}
    return _result(setup, ordered, sources, true, estimated, notes)


def _result(
    setup: StudySetup,
    metrics: dict[tuple[str, int], list[dict[str, float]]],
    sources: dict[int, str],
    true: int,
    estimated: dict[str, int],
    notes: tuple[str, ...],
) -> StudyResult:
    acc = {key: [of_seed["ACC_new_pool"] for of_seed in of_seeds] for key, of_seeds in metrics.items()}
    differences = compare({key: (values, acc[key[0], true]) for key, values in acc.items() if key[1] != true})
    means = {key: float(np.mean(values)) for key, values in acc.items()}
    words = []
    for name in setup.bases:
        of_estimates = ", ".join(
            f"{means[name, number]:.1f} with {number} by {by} (error {number - true:+})"
            for by, number in estimated.items()
        )
        of_others = [means[key] for key in means if key[0] == name and key[1] != true]
        words.append(
            f"{name}: mean ACC_new_pool {means[name, true]:.1f} with the true number {true}"
            f"{f', {of_estimates}' if of_estimates else ''}; from {min(of_others):.1f} to {max(of_others):.1f} with "
            "other numbers"
        )
    rows = [
        {
            "base": name,
            "clusters": number,
            "how": sources[number],
            "error": number - true,
            **seed_columns(values, "ACC_new_pool"),
            "NMI_new_pool": round(float(np.mean([of_seed["NMI_new_pool"] for of_seed in metrics[name, number]])), 2),
            **difference_columns(differences.get((name, number)), "vs true"),
        }
        for (name, number), values in acc.items()
    ]
    return StudyResult(
        f"{'; '.join(words)}.",
        rows,
        lambda figure: _draw(figure, acc, true, estimated),
        (f"{setup.epochs} epochs; {LAST}; {ON_POOL}", "estimates are of the samples as they are", *notes),
        shown_columns(rows, len(setup.bases)),
    )


def _draw(figure: Any, acc: dict[tuple[str, int], Seeds], true: int, estimated: dict[str, int]) -> None:
    """A line for each base; vertical lines at the true number and at the estimates, one for those that agree."""
    axes = figure.subplots()
    bases = list(dict.fromkeys(name for name, _ in acc))
    for colour, name in zip(COLOURS, bases, strict=False):
        of_base = {number: values for (of, number), values in acc.items() if of == name}
        middle = np.array([np.mean(values) for values in of_base.values()])
        axes.plot(list(of_base), middle, marker="o", color=colour, label=name)
        if min(map(len, of_base.values())) > 1:
            spread = np.array([np.std(values, ddof=1) for values in of_base.values()])
            axes.fill_between(list(of_base), middle - spread, middle + spread, color=colour, alpha=0.2, linewidth=0)
    axes.axvline(true, color="black", linewidth=1, label="true number")
    for style, number in zip(("--", ":", "-."), dict.fromkeys(estimated.values()), strict=False):
        names = ", ".join(name for name, estimate in estimated.items() if estimate == number)
        axes.axvline(number, color="grey", linestyle=style, linewidth=1, label=f"estimate: {names}")
    axes.set_xlabel("clusters")
    axes.set_ylabel("ACC_new_pool (%)")
    axes.legend(fontsize="small")


STUDY = Study(
    "What does discovery lose where the number of new classes is not known? (Han et al., 2020, table 6)",
    unknown_number,
    ("autonovel",),
    150,
    "digits_images",
    stages=True,
)
