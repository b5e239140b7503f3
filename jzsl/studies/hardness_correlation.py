"""AVH paper, section 4: which score of hardness agrees best with errors and with how often a sample is recognised."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jzsl.errors import InputError
from jzsl.hardness.correlation import (
    Coefficient,
    Difference,
    bootstrap_interval,
    correlation,
    correlation_by_bin,
    dependent_difference,
    independent_difference,
)
from jzsl.hardness.scores import Hardness, hardness
from jzsl.methods.supervised import Supervised
from jzsl.metrics.holm import holm
from jzsl.report.figures import COLOURS
from jzsl.studies.runs import Runs
from jzsl.studies.study import SIGNIFICANT, Study, StudyResult, StudySetup, verdict
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.zsl import ZSL

EDGES = np.linspace(0, 1, 6)


def hardness_correlation(setup: StudySetup) -> StudyResult:
    """Correlations of every score, by the predicted and by the true class, each seed against the other seeds.

    Supervised bases predict test samples of seen classes, zero-shot ones those of unseen classes.
    """
    if setup.seeds < 3:
        raise InputError(f"seeds: {setup.seeds} found, expected 3 or more: each is compared with the others")
    rows: list[dict[str, Any]] = []
    leads: dict[str, Lead] = {}
    for name in setup.bases:
        scored = _Scored(setup, name)
        for by in ("predicted", "true"):
            for score in Hardness._fields:
                rows.append({"base": name, "class": by, "score": score, **scored.row(by, score)})
        leads[name] = lead(scored.every("true", "avh"), scored.every("true", "confidence"), scored.frequency)

    def draw(figure):
        panels = figure.subplots(1, len(setup.bases), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, setup.bases, strict=True):
            for index, column in enumerate(("error", "disagreement")):
                values = [
                    next(row[column] for row in rows if (row["base"], row["class"], row["score"]) == key)
                    for key in ((name, "predicted", score) for score in Hardness._fields)
                ]
                heights = [np.nan if value is None else value for value in values]
                position = np.arange(len(values)) + 0.4 * (index - 0.5)
                label = {"error": "with the seed's error", "disagreement": "with the other seeds' disagreement"}[column]
                axes.bar(position, heights, 0.38, color=COLOURS[index], label=label if axes is panels[0] else None)
            axes.axhline(0, color="black", linewidth=0.8)
            axes.set_xticks(range(len(Hardness._fields)), Hardness._fields, rotation=30, fontsize="small")
            axes.set_title(name, fontsize="medium")
            axes.grid(axis="x", visible=False)
        panels[0].set_ylabel("Spearman's correlation of hardness")
        figure.legend(ncols=2, loc="outside lower center", frameon=False, fontsize="small")

    source = "as measured" if setup.frequency is not None else "share of the other seeds' models that are right"
    return StudyResult(
        answer(leads),
        rows,
        draw,
        (
            f"frequency: {source}; error and frequency are of test samples, which train no model",
            "error: of the same seed; disagreement: share of the other seeds that do not vote with their majority; "
            "spearman, pearson, kendall: with the frequency; columns of bounds: Spearman within that bin of it, where "
            "it has more than one value there; signs: larger is harder",
        ),
        ("base", "class", "score", "error", "disagreement", "spearman"),
    )


class Lead(NamedTuple):
    """By how much AVH goes more with the frequency than the model confidence does, for one base.

    Attributes:
        avh, confidence: minus Spearman's coefficient with the frequency, as hard samples have a low one; means over
            seeds.
        test: of their difference, on the same samples.
        independent: the paper's test, as if on two samples.
        interval: 95 % interval of the difference; None where the test is undefined.
    """

    avh: float
    confidence: float
    test: Difference
    independent: Difference
    interval: tuple[float, float] | None


def lead(
    avh: Float[np.ndarray, "s n"], confidence: Float[np.ndarray, "s n"], frequency: Float[np.ndarray, "s n"]
) -> Lead:
    """The lead of AVH over the model confidence, from both scores and the frequency of every seed and sample."""
    samples = frequency.shape[1]
    first, second = (-_mean_correlation(value, frequency) for value in (avh, confidence))
    test = dependent_difference(first, second, _mean_correlation(avh, confidence), samples, Coefficient.spearman)
    independent = independent_difference(first, second, samples, samples)
    if np.isnan(test.p):
        return Lead(first, second, test, independent, None)
    interval = bootstrap_interval(Coefficient.spearman, -avh, frequency, -confidence, resamples=500)
    return Lead(first, second, test, independent, interval)


def answer(leads: dict[str, Lead]) -> str:
    """Whether AVH leads significantly with every base, the p-values corrected by Holm's method for the bases."""
    tested = {name: of_base.test.p for name, of_base in leads.items() if of_base.interval is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    many = f", Holm-corrected for {len(tested)} bases" if len(tested) > 1 else ""
    words = []
    for name, of_base in leads.items():
        if of_base.interval is None:
            words.append(f"{name}: undefined, for a score or the frequency is constant")
            continue
        low, high = of_base.interval
        words.append(
            f"{name}: {of_base.avh:.3f} with AVH, {of_base.confidence:.3f} with the model confidence (dependent test "
            f"z = {of_base.test.z:.2f}, p = {corrected[name]:.2g}{many}; 95 % interval of the lead {low:.3f} to "
            f"{high:.3f}; the paper's independent test z = {of_base.independent.z:.2f})"
        )
    held = all(leads[name].test.z > 0 and p < SIGNIFICANT for name, p in corrected.items())
    return (
        f"That AVH of the true class goes more with the frequency than the model confidence does (hypothesis 3) "
        f"{verdict(held if len(tested) == len(leads) else None)}: {'; '.join(words)}."
    )


class _Scored:
    """Every seed's scores, errors and votes of one base."""

    def __init__(self, setup: StudySetup, name: str):
        base = setup.bases[name]
        task = Adaptation() if isinstance(base, Supervised) else ZSL()
        runs = Runs(setup, base, (task,))
        candidates, truth = runs.candidates, runs.truth
        if runs.method.embedding is None:
            raise InputError(f"base: {name} found, which has no class weights or prototypes")
        measure: Any = jax.jit(lambda scores, embedding, label: hardness(scores, embedding, label))
        embed: Any = jax.jit(runs.method.embedding)
        self.values: dict[str, list[Hardness]] = {"predicted": [], "true": []}
        votes = []
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            (state,) = runs.states(seed)
            predictor, scores = runs.scored(state)
            embedding = embed(predictor, runs.x, candidates)
            predicted = np.asarray(scores).argmax(1).astype(np.int32)
            votes.append(predicted)
            for by, label in (("predicted", predicted), ("true", truth)):
                self.values[by].append(jax.tree.map(np.asarray, measure(scores, embedding, label)))
        self.votes = np.stack(votes)
        self.wrong = (self.votes != truth).astype(float)
        self.given = None if setup.frequency is None else setup.frequency[runs.samples]

    @property
    def frequency(self) -> np.ndarray:
        """[seed, sample]: as measured, or by the other seeds, so that it is independent of a seed's errors."""
        seeds = len(self.wrong)
        if self.given is not None:
            return np.tile(self.given, (seeds, 1))
        return np.stack([1 - np.delete(self.wrong, seed, 0).mean(0) for seed in range(seeds)])

    def every(self, by: str, score: str) -> np.ndarray:
        """A hardness score, [seed, sample]."""
        return np.stack([getattr(value, score) for value in self.values[by]])

    def row(self, by: str, score: str) -> dict[str, Any]:
        """Columns of a row of the table: means over seeds."""
        coefficients: dict[str, list[float]] = {}

        def add(key: str, value: float) -> None:
            coefficients.setdefault(key, []).append(value)

        for seed, (values, frequency) in enumerate(zip(self.values[by], self.frequency, strict=True)):
            others = np.delete(np.arange(len(self.votes)), seed)
            measured = getattr(values, score)
            add("error", correlation(Coefficient.spearman, measured, self.wrong[seed]).coefficient)
            add(
                "disagreement",
                correlation(Coefficient.spearman, measured, _disagreement(self.votes[others])).coefficient,
            )
            for kind in Coefficient:
                add(kind.name, correlation(kind, measured, frequency).coefficient)
            for edge, (_, inside) in zip(EDGES, correlation_by_bin(Coefficient.spearman, measured, frequency, EDGES),
                                         strict=False):  # fmt: skip
                add(f"{edge:.1f} to {edge + 0.2:.1f}", inside.coefficient)
        return {key: _rounded(values) for key, values in coefficients.items()}


def _mean_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, averaged over seeds; NaN if any is."""
    return float(np.mean([correlation(Coefficient.spearman, *pair).coefficient for pair in zip(a, b, strict=True)]))


def _disagreement(votes: np.ndarray) -> np.ndarray:
    """Share of the voters that do not vote with the majority, for each sample."""
    return 1 - np.array([np.bincount(of_sample).max() for of_sample in votes.T]) / len(votes)


def _rounded(values: list[float]) -> float | None:
    defined = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(defined)), 3) if defined else None


STUDY = Study(
    "Which score of hardness agrees with errors and with how often a sample is recognised? (AVH, section 4)",
    hardness_correlation,
)
