"""STHS, fig. 1 B: do samples of hard classes help more than samples of easy ones?

Equally many truly labelled samples of easy, of hard and of all unseen classes are added to training. Hard and easy are
defined by the true accuracy of the inductive base.

Columns: base, group (easy, hard, all), T1 (%, mean over seeds), std, values (one per seed).
"""

import numpy as np
from jaxtyping import Int

from jzsl.report.figures import grouped_bars
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, claim, compare, group_rows

SHARE = 0.6
"""The 6 hardest of AWA2's ten unseen classes are called hard, the 6 easiest easy: 60 % each, overlapping."""


def ranked_classes(harness: Harness, seed: int) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " k"]]:
    """The predictions of the inductive base, and the classes from hardest to easiest."""
    predicted = harness.predict(seed)
    return predicted, np.argsort(harness.accuracies(predicted), kind="stable")


def class_groups(ranked: Int[np.ndarray, " k"]) -> dict[str, Int[np.ndarray, " h"]]:
    """Easy, hard and all classes, from those ranked from hardest to easiest."""
    top = round(SHARE * len(ranked))
    return {"easy": ranked[-top:], "hard": ranked[:top], "all": ranked}


def hard_easy(setup: StudySetup) -> StudyResult:
    """T1 after training with samples of each group."""
    values = {(name, group): [] for name in setup.bases for group in ("easy", "hard", "all")}
    notes: tuple[str, ...] = ()
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        classes, count = len(harness.candidates), len(harness.samples) // 10
        top = round(SHARE * classes)
        notes = (*harness.notes, f"{count} samples added; {top} of {classes} classes are hard, as many easy")
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            _, ranked = ranked_classes(harness, seed)
            for group, columns in class_groups(ranked).items():
                predicted = harness.predict(seed, harness.truth, harness.draw(columns, count, seed))
                values[name, group].append(harness.t1(predicted))
    differences = compare(
        {
            (name, group): (values[name, "hard"], values[name, group])
            for name in setup.bases
            for group in ("easy", "all")
        }
    )
    held = claim(differences[name, "easy"] for name in setup.bases)
    words = "; ".join(
        f"{name}: hard against easy {differences[name, 'easy']}, against all {differences[name, 'all']}"
        for name in setup.bases
    )
    return StudyResult(
        f"That hard classes teach more than easy ones {held}. {words}.",
        group_rows(values, "T1"),
        lambda figure: grouped_bars(figure, values, "T1 after retraining (%)"),
        notes,
    )


STUDY = Study("Are samples of hard classes worth more than samples of easy ones? (STHS, fig. 1 B)", hard_easy)
