"""AVH paper, section 4: which score of hardness agrees best with errors and with how often a sample is recognised.

Columns: base, class (by which scores are taken, the predicted or the true one), score, error, disagreement, spearman,
pearson, kendall, and Spearman's coefficient in each bin of the frequency (table 1).
"""

from typing import Any

import jax
import numpy as np

from jzsl.errors import InputError
from jzsl.hardness.correlation import Coefficient, correlation, correlation_by_bin
from jzsl.hardness.scores import Hardness, hardness, within_classes
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.supervised import Supervised
from jzsl.report.figures import COLOURS
from jzsl.studies.hypotheses import Association, Lead, answer, association, associations_answer, lead, table_2
from jzsl.studies.runs import Runs
from jzsl.studies.study import Study, StudyResult, StudySetup
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.zsl import ZSL

EDGES = np.linspace(0, 1, 6)
IN_CLASS = "norm in class"
SCORES = (*Hardness._fields, IN_CLASS)
"""The last one is the norm moved and scaled to [0, 1] within each class, as the paper has it (hypothesis 4)."""


def hardness_correlation(setup: StudySetup) -> StudyResult:
    """Correlations of every score, by the predicted and by the true class, each seed against the other seeds.

    Supervised bases predict test samples of seen classes, zero-shot ones those of unseen classes.
    """
    if setup.seeds < 3:
        raise InputError(f"seeds: {setup.seeds} found, expected 3 or more: each is compared with the others")
    rows: list[dict[str, Any]] = []
    leads: dict[str, Lead] = {}
    associations: dict[str, dict[str, Association]] = {}
    notes = []
    for name in setup.bases:
        scored = _Scored(setup, name)
        for by in ("predicted", "true"):
            for score in SCORES:
                rows.append({"base": name, "class": by, "score": score, **scored.row(by, score)})
        avh, confidence, norm = (scored.every("true", score) for score in ("avh", "confidence", IN_CLASS))
        leads[name] = lead(avh, confidence, scored.frequency)
        associations[name] = {
            "AVH": association(avh, scored.frequency),
            "confidence": association(confidence, scored.frequency),
            "norm": association(norm, scored.frequency),
        }
        setup.progress(f"{name}: tests")
        notes.append(f"{name}, table 2, AVH against the model confidence: {table_2(avh, confidence, scored.frequency)}")
        notes.append(f"{name}, samples by frequency: {scored.samples_by_bin}")

    def draw(figure):
        panels = figure.subplots(1, len(setup.bases), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, setup.bases, strict=True):
            for index, column in enumerate(("error", "disagreement")):
                values = [
                    next(row[column] for row in rows if (row["base"], row["class"], row["score"]) == key)
                    for key in ((name, "predicted", score) for score in SCORES)
                ]
                heights = [np.nan if value is None else value for value in values]
                position = np.arange(len(values)) + 0.4 * (index - 0.5)
                label = {"error": "with the seed's error", "disagreement": "with the other seeds' disagreement"}[column]
                axes.bar(position, heights, 0.38, color=COLOURS[index], label=label if axes is panels[0] else None)
            axes.axhline(0, color="black", linewidth=0.8)
            axes.set_xticks(range(len(SCORES)), SCORES, rotation=30, fontsize="small")
            axes.set_title(name, fontsize="medium")
            axes.grid(axis="x", visible=False)
        panels[0].set_ylabel("Spearman's correlation of hardness")
        figure.legend(ncols=2, loc="outside lower center", frameon=False, fontsize="small")

    source = "as measured" if setup.frequency is not None else "share of the other seeds' models that are right"
    return StudyResult(
        f"{associations_answer(associations)} {answer(leads)}",
        rows,
        draw,
        (
            f"frequency: {source}; error and frequency are of test samples, which train no model",
            "error: of the same seed; disagreement: share of the other seeds that do not vote with their majority; "
            "spearman, pearson, kendall: with the frequency; columns of bounds: Spearman within that bin of it, where "
            "it has more than one value there; signs: larger is harder",
            f"{IN_CLASS}: scaled to [0, 1] within each class of the test samples",
            *notes,
        ),
        ("base", "class", "score", "error", "disagreement", "spearman"),
    )


class _Scored:
    """Every seed's scores, errors and votes of one base."""

    def __init__(self, setup: StudySetup, name: str):
        base = setup.bases[name]
        task = Adaptation() if isinstance(base, Supervised | ImageClassifier) else ZSL()
        runs = Runs(setup, base, (task,))
        candidates, truth = runs.candidates, runs.truth
        if runs.method.embedding is None:
            raise InputError(f"base: {name} found, which has no class weights or prototypes")
        measure: Any = jax.jit(lambda scores, embedding, label: hardness(scores, embedding, label))
        embed: Any = jax.jit(runs.method.embedding)
        self.values: dict[str, list[Hardness]] = {"predicted": [], "true": []}
        self.in_class: dict[str, list[np.ndarray]] = {"predicted": [], "true": []}
        votes = []
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            (state,) = runs.states(seed)
            predictor, scores = runs.scored(state)
            embedding = embed(predictor, runs.x, candidates)
            predicted = np.asarray(scores).argmax(1).astype(np.int32)
            votes.append(predicted)
            for by, label in (("predicted", predicted), ("true", truth)):
                values = jax.tree.map(np.asarray, measure(scores, embedding, label))
                self.values[by].append(values)
                self.in_class[by].append(np.asarray(within_classes(values.norm, label, len(candidates))))
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

    @property
    def samples_by_bin(self) -> str:
        """How many samples are in each bin of the frequency, by the first seed."""
        counts, _ = np.histogram(self.frequency[0], EDGES)
        return ", ".join(f"{low:.1f} to {low + 0.2:.1f}: {count}" for low, count in zip(EDGES, counts, strict=False))

    def every(self, by: str, score: str) -> np.ndarray:
        """One of `SCORES`, [seed, sample]."""
        if score == IN_CLASS:
            return np.stack(self.in_class[by])
        return np.stack([getattr(value, score) for value in self.values[by]])

    def row(self, by: str, score: str) -> dict[str, Any]:
        """Columns of a row of the table: means over seeds."""
        coefficients: dict[str, list[float]] = {}

        def add(key: str, value: float) -> None:
            coefficients.setdefault(key, []).append(value)

        for seed, (measured, frequency) in enumerate(zip(self.every(by, score), self.frequency, strict=True)):
            others = np.delete(np.arange(len(self.votes)), seed)
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
