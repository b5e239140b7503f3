"""STHS, fig. 1 D: is it better to spread the same number of samples over several hard classes?

Hard and easy are defined by the true accuracy of the inductive base.

Columns: base, group (top 1, top 2, top 4 hardest classes), T1 (%, mean over seeds), std, values (one per seed).
"""

from jzsl.report.figures import grouped_bars
from jzsl.studies.hard_easy import ranked_classes
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, claim, compare, group_rows

_TOPS = {"top 1": 1, "top 2": 2, "top 4": 4}


def diversity(setup: StudySetup) -> StudyResult:
    """T1 after training with equally many truly labelled samples of the 1, 2 and 4 hardest classes."""
    values = {(name, group): [] for name in setup.bases for group in _TOPS}
    notes: tuple[str, ...] = ()
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        notes = (*harness.notes, "as many samples in each group as the hardest class has")
        if len(harness.candidates) < 4:
            notes = (*notes, f"there are {len(harness.candidates)} unseen classes: top 4 is all of them")
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            _, ranked = ranked_classes(harness, seed)
            count = int((harness.truth == ranked[0]).sum())
            for group, number in _TOPS.items():
                multiplicity = harness.draw(ranked[:number], count, seed)
                values[name, group].append(harness.t1(harness.predict(seed, harness.truth, multiplicity)))
    differences = compare({name: (values[name, "top 4"], values[name, "top 1"]) for name in setup.bases})
    words = "; ".join(f"{name}: {difference}" for name, difference in differences.items())
    return StudyResult(
        f"That four hard classes teach more than one {claim(differences.values())}. Top 4 against top 1, {words}.",
        group_rows(values, "T1"),
        lambda figure: grouped_bars(figure, values, "T1 after retraining (%)"),
        notes,
    )


STUDY = Study("Is it better to spread over several hard classes? (STHS, fig. 1 D)", diversity)
