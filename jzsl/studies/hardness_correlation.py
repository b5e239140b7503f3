"""AVH paper, section 4: which score of hardness agrees best with errors and with how often a sample is recognised."""

from typing import Any

import jax
import numpy as np

from jzsl.errors import InputError
from jzsl.hardness.correlation import (
    Coefficient,
    bootstrap_interval,
    correlation,
    correlation_by_bin,
    dependent_difference,
    independent_difference,
)
from jzsl.hardness.scores import Hardness, hardness
from jzsl.methods.supervised import Supervised
from jzsl.report.figures import COLOURS
from jzsl.studies.runs import Runs
from jzsl.studies.study import Study, StudyResult, StudySetup, verdict
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
    words, held = [], []
    for name in setup.bases:
        scored = _Scored(setup, name)
        for by in ("predicted", "true"):
            for score in Hardness._fields:
                rows.append({"base": name, "class": by, "score": score, **scored.row(by, score)})
        first, second = (scored.every("true", score) for score in ("avh", "confidence"))
        frequency = scored.frequency
        samples = frequency.shape[1]
        r = [_mean_correlation(value, frequency) for value in (first, second)]
        between = _mean_correlation(first, second)
        # Hard samples have a low frequency: the negative coefficients are compared.
        test = dependent_difference(-r[0], -r[1], between, samples, Coefficient.spearman)
        naive = independent_difference(-r[0], -r[1], samples, samples)
        held.append(None if np.isnan(test.p) else test.z > 0 and test.p < 0.05)
        if held[-1] is None:
            words.append(f"{name}: undefined, for a score or the frequency is constant")
            continue
        low, high = bootstrap_interval(Coefficient.spearman, -first, frequency, -second, resamples=500)
        words.append(
            f"{name}: {-r[0]:.3f} with AVH, {-r[1]:.3f} with the model confidence (dependent test z = {test.z:.2f}, "
            f"p = {test.p:.2g}; 95 % interval of the lead {low:.3f} to {high:.3f}; the paper's independent test "
            f"z = {naive.z:.2f})"
        )

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
        f"That AVH of the true class goes more with the frequency than the model confidence does "
        f"(hypothesis 3) {verdict(None if None in held else all(held))}: {'; '.join(words)}.",
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
