"""How many entries should two samples share to be of one class? (low-supervision thesis, chapter 6, figure 4)

The k of AutoNovel's similarity is varied: of ranking statistics the size of the sets of largest features, of nearest
neighbours their number. Stages before the method do not depend on it and are trained once for each seed.

Columns: base, k, ACC_new_pool (%, mean over seeds), std, values (one per seed), vs config (difference in points to the
config's own k) and its p.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jzsl.errors import InputError
from jzsl.methods.autonovel import AutoNovel
from jzsl.report.figures import COLOURS
from jzsl.studies.clusters import (
    LAST,
    ON_POOL,
    Trials,
    Variant,
    difference_columns,
    feature_size,
    only,
    shown_columns,
    with_new_classes,
)
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, compare, seed_columns
from jzsl.tasks.discovery import Discovery
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.ranking_statistics import RankingStatistics

K = (1, 2, 3, 5, 7, 10, 15, 20, 50)
"""As in the figure; the config's own is added."""


def similarities(
    name: str, base: AutoNovel, shape: tuple[int, ...]
) -> dict[int, RankingStatistics | NearestNeighbours]:
    """The similarity of a base with each k that it can have for samples of a shape, in ascending order.

    Raises:
        InputError: naming a base whose similarity has no k.
    """
    similarity = base.similarity
    if not isinstance(similarity, RankingStatistics | NearestNeighbours):
        raise InputError(
            f"base: {name}: similarity {type(similarity).__name__} found, expected one with a k: RankingStatistics, "
            "NearestNeighbours"
        )
    if isinstance(similarity, RankingStatistics):
        least, most = 1, feature_size(base.network, shape)
    else:
        least, most = 3 if similarity.counts_itself else 1, base.batch_size
    return {k: replace(similarity, k=k) for k in sorted({*K, similarity.k}) if least <= k <= most}


def ranking_k(setup: StudySetup) -> StudyResult:
    """ACC_new_pool with each k."""
    setup = with_new_classes(setup)
    trials = Trials(setup, Discovery())
    values: dict[tuple[str, int], Seeds] = {}
    centres: dict[str, int] = {}
    for name, base in only(setup, AutoNovel).items():
        of_k = similarities(name, base, setup.problem.sample_shape)
        centres[name] = next(k for k, similarity in of_k.items() if similarity == base.similarity)
        for k, similarity in of_k.items():
            setup.progress(f"{name}: k = {k}")
            of_seeds = trials.metrics(Variant(replace(base, similarity=similarity), setup.stages))
            values[name, k] = [metrics["ACC_new_pool"] for metrics in of_seeds]
    return _result(setup, values, centres)


def _result(setup: StudySetup, values: dict[tuple[str, int], Seeds], centres: dict[str, int]) -> StudyResult:
    differences = compare(
        {
            key: (of_seeds, values[key[0], centres[key[0]]])
            for key, of_seeds in values.items()
            if key[1] != centres[key[0]]
        }
    )
    words = []
    for name, centre in centres.items():
        means = {k: float(np.mean(of_seeds)) for (of, k), of_seeds in values.items() if of == name}
        best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        of_base = [difference for (of, _), difference in differences.items() if of == name]
        clear = sum(difference.significant for difference in of_base)
        words.append(
            f"{name}: mean ACC_new_pool from {means[worst]:.1f} at k = {worst} to {means[best]:.1f} at k = {best}, "
            f"{means[centre]:.1f} at the config's k = {centre}; {clear} of {len(of_base)} others differ significantly "
            "from it (paired t-tests over seeds, Holm-corrected)"
        )
    rows = [
        {
            "base": key[0],
            "k": key[1],
            **seed_columns(of_seeds, "ACC_new_pool"),
            **difference_columns(differences.get(key), "vs config"),
        }
        for key, of_seeds in values.items()
    ]
    return StudyResult(
        f"{'; '.join(words)}.",
        rows,
        lambda figure: _draw(figure, values, centres),
        (f"{setup.epochs} epochs; {LAST}; {ON_POOL}", "bands: one standard deviation over seeds"),
        shown_columns(rows, len(setup.bases)),
    )


def _draw(figure: Any, values: dict[tuple[str, int], Seeds], centres: dict[str, int]) -> None:
    """A line for each base; the config's own k is a filled marker."""
    axes = figure.subplots()
    numbers = sorted({k for _, k in values})
    for colour, (name, centre) in zip(COLOURS, centres.items(), strict=False):
        of_base = {k: of_seeds for (of, k), of_seeds in values.items() if of == name}
        means = {k: float(np.mean(of_seeds)) for k, of_seeds in of_base.items()}
        axes.plot(list(means), list(means.values()), marker="o", markerfacecolor="white", color=colour, label=name)
        axes.plot(centre, means[centre], "o", color=colour)
        if min(map(len, of_base.values())) > 1:
            spread = np.array([np.std(of_seeds, ddof=1) for of_seeds in of_base.values()])
            middle = np.array(list(means.values()))
            axes.fill_between(list(means), middle - spread, middle + spread, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(k) for k in numbers])
    axes.minorticks_off()
    axes.set_xlabel("k of the similarity")
    axes.set_ylabel("ACC_new_pool (%)")
    axes.legend(fontsize="small")


STUDY = Study(
    "How does discovery depend on the k of its similarity? (Han et al., 2020, fig. 4)",
    ranking_k,
    ("autonovel",),
    150,
    "digits_images",
    stages=True,
)
