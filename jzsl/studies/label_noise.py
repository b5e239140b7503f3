"""STHS, fig. 1 C: are the pseudo-labels of hard classes less noisy?

Hard and easy are defined by the true accuracy of the inductive base.

Columns: base, group (easy, hard, all), precision of pseudo-labels (%, mean over seeds), std, values (one per seed).
"""

from jzsl.report.figures import grouped_bars
from jzsl.studies.hard_easy import class_groups, ranked_classes
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, claim, compare, defined_mean, group_rows


def label_noise(setup: StudySetup) -> StudyResult:
    """Precision of the inductive base's predictions in each group."""
    values = {(name, group): [] for name in setup.bases for group in ("easy", "hard", "all")}
    notes: tuple[str, ...] = ()
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        notes = (*harness.notes, "classes without predictions have no precision and are left out")
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            predicted, ranked = ranked_classes(harness, seed)
            precision = harness.precisions(predicted)
            for group, columns in class_groups(ranked).items():
                values[name, group].append(defined_mean(precision[columns]))
    differences = compare({name: (values[name, "hard"], values[name, "easy"]) for name in setup.bases})
    words = "; ".join(f"{name}: {difference}" for name, difference in differences.items())
    return StudyResult(
        f"That hard classes have the more precise pseudo-labels {claim(differences.values())}. "
        f"Hard against easy, {words}.",
        group_rows(values, "precision"),
        lambda figure: grouped_bars(figure, values, "precision of pseudo-labels (%)"),
        notes,
    )


STUDY = Study("Are pseudo-labels of hard classes less noisy? (STHS, fig. 1 C)", label_noise)
