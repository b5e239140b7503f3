"""Can wrong names of groups, and bad runs of self-training, be told without labels?

Columns: base, criterion, AUROC (of groups with wrong names, in percent), its bounds (95 %, over draws), correlation
(Spearman's, of the runs' mean criterion with T1) and its bounds.
"""

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from jzsl.errors import InputError
from jzsl.evaluation.names import exchange_gains, inductive_support, pair_naming_accuracy, regression_scores
from jzsl.interfaces import MethodConfig
from jzsl.methods.class_means import class_means
from jzsl.problem.problem import Problem
from jzsl.problem.splits import NONE
from jzsl.report.figures import COLOURS
from jzsl.self_training.priors.group_uniform import GroupUniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, verdict

_SHARE = 4
_RESAMPLES = 500
RECOMMENDED = STHS(selection=TopConfidence(), refinement=LabelPropagation(mass=GroupUniform()), average=True)
"""The self-training whose runs are studied, unless a config has one."""
CRITERIA = {
    "support": "cross-entropy of the name under regressions from seen classes, that of the report's warning",
    "inductive disagreement": "share of samples that these regressions name otherwise",
    "members' disagreement": "share of samples that EXEM and its reverse name differently",
    "leave one out": "best other name less its own, by regressions from seen classes and all other groups",
    "exchange": "largest gain of exchanging names with another group, by regressions without both",
    "margin": "small margins of the run's own scores",
    "compactness": "samples scattered about the group's mean",
}


class _Draw(NamedTuple):
    """One run on classes treated as unseen: the criteria and whether the name is wrong, of each group."""

    criteria: dict[str, Float[np.ndarray, " g"]]
    wrong: Bool[np.ndarray, " g"]
    t1: float
    pair_accuracy: float


def run_quality(setup: StudySetup) -> StudyResult:
    """Self-training on draws of seen classes treated as unseen, one for each seed; no test sample takes part."""
    if setup.seeds < 3:
        raise InputError(f"seeds: {setup.seeds} found, expected 3 or more: each is a draw of classes")
    rows: list[dict[str, Any]] = []
    words, held = [], []
    for name, base in setup.bases.items():
        draws = [_drawn(setup, name, base, seed) for seed in range(setup.seeds)]
        of_base = [{"base": name, "criterion": criterion, **_measured(draws, criterion)} for criterion in CRITERIA]
        rows += of_base
        support, low = of_base[0]["AUROC"], of_base[0]["AUROC low"]
        held.append(None if low is None else low > 50)
        wrong = 100 * np.mean(np.concatenate([draw.wrong for draw in draws]))
        words.append(
            f"{name}: AUROC {support} (from {low} to {of_base[0]['AUROC high']}); {wrong:.0f} % of groups have wrong "
            f"names, T1 {np.mean([draw.t1 for draw in draws]):.1f} %, and of pairs of seen classes left out "
            f"{100 * np.nanmean([draw.pair_accuracy for draw in draws]):.0f} % get the right names"
        )
    return StudyResult(
        "That support by the class semantics tells wrong names from right ones "
        f"{verdict(None if None in held else all(held))}: {'; '.join(words)}.",
        rows,
        lambda figure: _draw_figure(figure, rows),
        (
            "larger criteria are more suspicious; a name is wrong where another class has more samples in the group; "
            "the correlation is of the negated mean criterion with T1; bounds: 95 %, draws resampled",
            *(f"{name}: {meaning}" for name, meaning in CRITERIA.items()),
            "true labels of classes treated as unseen are used to measure; no test sample takes part",
        ),
        ("base", "criterion", "AUROC", "AUROC low", "AUROC high", "correlation"),
    )


def with_drawn_classes(problem: Problem, seed: int) -> Problem:
    """A quarter of the seen classes, at least two, treated as unseen; all others stay seen."""
    seen = problem.seen_classes
    drawn = np.sort(np.random.default_rng(seed).choice(seen, max(2, len(seen) // _SHARE), replace=False))
    splits = problem.splits._replace(validation_classes=drawn, validation_seen=NONE)
    return replace(problem, splits=splits).validation()


def _drawn(setup: StudySetup, name: str, base: MethodConfig, seed: int) -> _Draw:
    setup.progress(f"{name}: draw {seed}")
    one = replace(setup, seeds=1, problem=with_drawn_classes(setup.problem, seed))
    harness = Harness(one, base, unlabelled=True)
    sths = setup.self_training or RECOMMENDED
    (rounds,) = harness.self_train(replace(sths, rounds=setup.rounds))
    predictions, _ = rounds[-1]
    column = np.asarray(predictions.label)[: len(harness.truth)]
    mean, present = (np.asarray(part) for part in class_means(harness.pool, harness.classes))
    semantics = np.asarray(harness.classes.required_semantics)
    seen = (mean[present], semantics[present])
    named = np.unique(column)
    criteria = group_criteria(
        *seen, harness.x, semantics[harness.candidates], column, np.asarray(predictions.scores)[: len(column)]
    )
    majority = [np.bincount(harness.truth[column == group]).argmax() for group in named]
    return _Draw(criteria, np.array(majority) != named, harness.t1(column), pair_naming_accuracy(*seen))


def group_criteria(
    means: Float[np.ndarray, "s d"],
    semantics: Float[np.ndarray, "s a"],
    x: Float[np.ndarray, "m d"],
    names: Float[np.ndarray, "u a"],
    column: Int[np.ndarray, " m"],
    scores: Float[np.ndarray, "m u"],
) -> dict[str, Float[np.ndarray, " g"]]:
    """The criteria of the groups that have samples, in the order of `names`.

    Args:
        means, semantics: of seen classes.
        x: the unlabelled samples.
        names: semantics of the names.
        column: the group of each sample.
        scores: of the run, one column a name.
    """
    named, group, count = np.unique(column, return_inverse=True, return_counts=True)

    def per_group(values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " g"]:
        return np.bincount(group, values, len(named)) / count

    support = inductive_support(means, semantics, x, names)
    forward, backward = regression_scores(means, semantics, x, names)
    of_group = np.stack([x[group == number].mean(0) for number in range(len(named))])
    every, described = np.concatenate([means, of_group]), np.concatenate([semantics, names[named]])
    best = np.sort(scores, 1)
    z = x - means.mean(0)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    resultant = [np.linalg.norm(z[group == number].mean(0)) for number in range(len(named))]
    return {
        "support": per_group(-support[np.arange(len(column)), column]) / np.log(len(names)),
        "inductive disagreement": per_group((support.argmax(1) != column).astype(float)),
        "members' disagreement": per_group((forward.argmax(1) != backward.argmax(1)).astype(float)),
        "leave one out": _left_out(every, described, names, named),
        "exchange": _exchanged(every, described, len(means), len(named)),
        "margin": -per_group(best[:, -1] - best[:, -2]),
        "compactness": -np.array(resultant),
    }


def _left_out(
    means: Float[np.ndarray, "c d"],
    semantics: Float[np.ndarray, "c a"],
    names: Float[np.ndarray, "u a"],
    named: Int[np.ndarray, " g"],
) -> Float[np.ndarray, " g"]:
    """For each of the last g means the best score of another name less that of its own, without it in the fit."""
    margins = []
    for number, own in enumerate(named, len(means) - len(named)):
        rest = np.arange(len(means)) != number
        asked = np.concatenate([means[rest], means[[number]]])
        forward, backward = regression_scores(means[rest], semantics[rest], asked, names)
        scores = forward[-1] / forward.std() + backward[-1] / backward.std()
        margins.append(np.delete(scores, own).max() - scores[own])
    return np.array(margins)


def _exchanged(
    means: Float[np.ndarray, "c d"], semantics: Float[np.ndarray, "c a"], seen: int, groups: int
) -> Float[np.ndarray, " g"]:
    """The largest gain of each of the groups, which follow the seen classes; -inf for a single one."""
    pairs = np.array(list(itertools.combinations(range(groups), 2)), int).reshape(-1, 2)
    largest = np.full(groups, -np.inf)
    for pair, gain in zip(pairs, exchange_gains(means, semantics, pairs + seen), strict=True):
        largest[pair] = np.maximum(largest[pair], gain)
    return largest


def _measured(draws: list[_Draw], criterion: str) -> dict[str, float | None]:
    """AUROC and correlation with their bounds; None where undefined."""
    rng = np.random.default_rng(0)
    resampled = [[draws[i] for i in rng.integers(0, len(draws), len(draws))] for _ in range(_RESAMPLES)]
    columns: dict[str, float | None] = {}
    for title, statistic, digits in (("AUROC", _auroc, 1), ("correlation", _correlation, 2)):
        value = statistic(draws, criterion)
        values = [found for found in (statistic(part, criterion) for part in resampled) if found is not None]
        low, high = np.percentile(values, [2.5, 97.5]) if value is not None else (None, None)
        for name, number in ((title, value), (f"{title} low", low), (f"{title} high", high)):
            columns[name] = None if number is None else round(float(number), digits)
    return columns


def _auroc(draws: list[_Draw], criterion: str) -> float | None:
    """Over the groups of all draws, in percent."""
    wrong = np.concatenate([draw.wrong for draw in draws])
    values = np.concatenate([draw.criteria[criterion] for draw in draws])
    if wrong.all() or not wrong.any():
        return None
    return 100 * float(roc_auc_score(wrong, np.maximum(values, -1e9)))


def _correlation(draws: list[_Draw], criterion: str) -> float | None:
    means, t1 = [-draw.criteria[criterion].mean() for draw in draws], [draw.t1 for draw in draws]
    if not np.isfinite(means).all() or np.ptp(means) == 0 or np.ptp(t1) == 0:
        return None
    result: Any = spearmanr(means, t1)
    return float(result.statistic)


def _draw_figure(figure: Any, rows: list[dict[str, Any]]) -> None:
    bases = list(dict.fromkeys(row["base"] for row in rows))
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"AUROC": "AUROC of wrong names (%)", "correlation": "Spearman's correlation with T1"}
    for axes, (measure, title), none in zip(panels, titles.items(), (50, 0), strict=True):
        for number, base in enumerate(bases):
            of_base = [row for row in rows if row["base"] == base and row[measure] is not None]
            position = [list(CRITERIA).index(row["criterion"]) + 0.2 * number for row in of_base]
            values = np.array([row[measure] for row in of_base])
            bounds = np.array([[row[f"{measure} low"], row[f"{measure} high"]] for row in of_base]).reshape(-1, 2)
            reach = np.abs(bounds.T - values)
            label = base if measure == "AUROC" else None
            colour = COLOURS[number % len(COLOURS)]
            axes.errorbar(values, position, xerr=reach, fmt="o", capsize=3, color=colour, label=label)
        axes.axvline(none, color="black", linewidth=0.8)
        axes.set_xlabel(title)
    panels[0].set_yticks(range(len(CRITERIA)), list(CRITERIA))
    panels[0].invert_yaxis()
    if len(bases) > 1:
        figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "Can wrong names of groups, and bad runs of self-training, be told without labels?",
    run_quality,
    ("committee",),
    epochs=1,
    self_training=("rounds", "selection", "schedule", "refinement", "warm", "average"),
)
