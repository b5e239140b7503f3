"""The table and the figure of `jzsl tune`: validation accuracy of each setting, and its label-free criteria."""

import numpy as np

from jzsl.driver.tune import CRITERIA, Trial, rank_correlations
from jzsl.report.figures import COLOURS
from jzsl.self_training.parts import name_of
from jzsl.self_training.selection.hard_classes import hard_class_fraction
from jzsl.studies.study import StudyResult, seed_columns

TUNING_TITLE = "Which settings of self-training are best on classes treated as unseen?"


def tuning_result(candidates: list[Trial]) -> StudyResult:
    """From candidates sorted by their mean T1 on validation classes."""
    rows = [
        {
            "epochs": candidate.setting.epochs,
            "rounds": candidate.setting.self_training.rounds,
            "hard class fraction": hard_class_fraction(candidate.setting.self_training.selection),
            "selection": name_of(candidate.setting.self_training.selection),
            "refinement": name_of(candidate.setting.self_training.refinement),
            **seed_columns(candidate.t1, "T1"),
            **{name: round(float(np.mean(getattr(candidate, name))), 4) for name in CRITERIA},
        }
        for candidate in candidates
    ]
    correlations = rank_correlations(candidates)
    words = ", ".join(
        f"{name} {'undefined' if value is None else f'{value:+.2f}'}" for name, value in correlations.items()
    )

    def draw(figure):
        for axes, name in zip(figure.subplots(1, len(CRITERIA), sharey=True), CRITERIA, strict=True):
            for number, epochs in enumerate(sorted({row["epochs"] for row in rows})):
                of_epochs = [row for row in rows if row["epochs"] == epochs]
                axes.plot(
                    [row[name] for row in of_epochs],
                    [row["T1"] for row in of_epochs],
                    "o",
                    color=COLOURS[number % len(COLOURS)],
                    label=f"{epochs} epochs" if name == CRITERIA[0] else None,
                )
            axes.set_xlabel({"stability": "labels kept (share)"}.get(name, f"{name.replace('_', ' ')} (nats)"))
            if name == CRITERIA[0]:
                axes.set_ylabel("T1 of classes treated as unseen (%)")
        figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")

    best = rows[0]
    share = best["hard class fraction"]
    return StudyResult(
        f"Best: {best['selection']}, refinement {best['refinement']}, {best['epochs']} epochs, {best['rounds']} rounds"
        f"{'' if share is None else f', hard class fraction {share:g}'}: T1 {np.mean(candidates[0].t1):.1f} %. "
        f"Spearman correlation with T1: {words}.",
        rows,
        draw,
        ("T1 of seen classes treated as unseen, the mean over folds; no test sample takes part",),
    )
