"""STHS, fig. 1 B, C and D: what rows of hard and of easy classes are worth, how noisy their labels are, and whether
it is better to spread over many hard classes. Hard and easy are told by true accuracy of the inductive base."""

import numpy as np

from jzsl.report.figures import grouped_bars
from jzsl.studies.retraining import Retrainer
from jzsl.studies.study import Finding, Setting, compared, defined_mean, group_rows, paired

SHARE = 0.6
"""Top-6 of AWA2's ten unseen classes are called hard, the other way round easy: 60 % each, overlapping."""


def _ranked(retrainer: Retrainer, seed: int):
    """The inductive predictions, and the classes from hardest to easiest."""
    predicted = retrainer.predict(seed)
    return predicted, np.argsort(retrainer.accuracies(predicted), kind="stable")


def hard_easy(setting: Setting) -> Finding:
    """Retrains with equally many truly labelled rows of easy, of hard and of all unseen classes (fig. 1 B)."""
    groups = ("easy", "hard", "all")
    values = {(name, group): [] for name in setting.bases for group in groups}
    notes: tuple[str, ...] = ()
    for name, base in setting.bases.items():
        retrainer = Retrainer(setting.problem, base, setting.transform, setting.epochs)
        top, count = round(SHARE * retrainer.classes), retrainer.view.unlabelled // 10
        notes = (*retrainer.notes, f"{count} rows added, {top} of {retrainer.classes} classes hard, as many easy")
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            _, ranked = _ranked(retrainer, seed)
            for group, columns in (("easy", ranked[-top:]), ("hard", ranked[:top]), ("all", ranked)):
                predicted = retrainer.predict(seed, retrainer.truth, retrainer.draw(columns, count, seed))
                values[name, group].append(retrainer.t1(predicted))
    claim = compared([(values[name, "hard"], values[name, "easy"]) for name in setting.bases])
    words = "; ".join(
        f"{name}: hard against easy {paired(values[name, 'hard'], values[name, 'easy'])}, "
        f"against all {paired(values[name, 'hard'], values[name, 'all'])}"
        for name in setting.bases
    )
    return Finding(
        "Are rows of hard classes worth more than rows of easy ones? (STHS, fig. 1 B)",
        f"That hard classes teach more than easy ones {claim}. {words}.",
        group_rows(values, "T1"),
        lambda figure: grouped_bars(figure, values, "T1 after retraining (%)"),
        notes,
    )


def label_noise(setting: Setting) -> Finding:
    """Precision of the pseudo-labels of easy, hard and all unseen classes (fig. 1 C)."""
    values = {(name, group): [] for name in setting.bases for group in ("easy", "hard", "all")}
    notes: tuple[str, ...] = ()
    for name, base in setting.bases.items():
        retrainer = Retrainer(setting.problem, base, setting.transform, setting.epochs)
        top = round(SHARE * retrainer.classes)
        notes = (*retrainer.notes, "classes that nothing is predicted as have no precision and are left out")
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            predicted, ranked = _ranked(retrainer, seed)
            precision = retrainer.precisions(predicted)
            for group, columns in (("easy", ranked[-top:]), ("hard", ranked[:top]), ("all", ranked)):
                values[name, group].append(defined_mean(precision[columns]))
    claim = compared([(values[name, "hard"], values[name, "easy"]) for name in setting.bases])
    words = "; ".join(f"{name}: {paired(values[name, 'hard'], values[name, 'easy'])}" for name in setting.bases)
    return Finding(
        "Are pseudo-labels of hard classes less noisy? (STHS, fig. 1 C)",
        f"That hard classes have the more precise pseudo-labels {claim}. Hard against easy, {words}.",
        group_rows(values, "precision"),
        lambda figure: grouped_bars(figure, values, "precision of pseudo-labels (%)"),
        notes,
    )


def diversity(setting: Setting) -> Finding:
    """Retrains with equally many truly labelled rows of the 1, 2 and 4 hardest classes (fig. 1 D)."""
    tops = ("top 1", "top 2", "top 4")
    values = {(name, group): [] for name in setting.bases for group in tops}
    notes: tuple[str, ...] = ()
    for name, base in setting.bases.items():
        retrainer = Retrainer(setting.problem, base, setting.transform, setting.epochs)
        notes = (*retrainer.notes, "as many rows in each group as the hardest class has")
        if retrainer.classes < 4:
            notes = (*notes, f"there are {retrainer.classes} unseen classes: top 4 is all of them")
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            _, ranked = _ranked(retrainer, seed)
            count = int((retrainer.truth == ranked[0]).sum())
            for group, number in zip(tops, (1, 2, 4), strict=True):
                multiplicity = retrainer.draw(ranked[:number], count, seed)
                values[name, group].append(retrainer.t1(retrainer.predict(seed, retrainer.truth, multiplicity)))
    claim = compared([(values[name, "top 4"], values[name, "top 1"]) for name in setting.bases])
    words = "; ".join(f"{name}: {paired(values[name, 'top 4'], values[name, 'top 1'])}" for name in setting.bases)
    return Finding(
        "Is it better to spread over diverse hard classes? (STHS, fig. 1 D)",
        f"That four hard classes teach more than one {claim}. Top 4 against top 1, {words}.",
        group_rows(values, "T1"),
        lambda figure: grouped_bars(figure, values, "T1 after retraining (%)"),
        notes,
    )
