"""STHS, fig. 1 A: do some unseen classes have high accuracy while others have low?

Columns: base, class, accuracy (%, mean over seeds), std.
"""

import numpy as np

from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, deviation, verdict


def uneven_prediction(setup: StudySetup) -> StudyResult:
    """Accuracy of every unseen class by each inductive base."""
    rows, curves, gaps, notes = [], {}, [], ()
    for name, base in setup.bases.items():
        setup.progress(f"{name}: inductive")
        harness = Harness(setup, base, unlabelled=True)
        notes = harness.notes
        values = np.array([harness.accuracies(harness.predict(seed)) for seed in range(setup.seeds)])
        mean = values.mean(0)
        order = np.argsort(-mean)
        curves[name] = mean[order]
        third = max(1, len(order) // 3)
        gaps.append((name, mean[order[:third]].mean(), mean[order[-third:]].mean()))
        rows += [
            {
                "base": name,
                "class": harness.names[c],
                "accuracy": round(float(mean[c]), 2),
                "std": deviation(values[:, c].tolist()),
            }
            for c in order
        ]
    held = all(top - bottom > 30 for _, top, bottom in gaps)
    words = "; ".join(f"{name}: best third {top:.1f} %, worst third {bottom:.1f} %" for name, top, bottom in gaps)

    def draw(figure):
        axes = figure.subplots()
        for name, curve in curves.items():
            axes.plot(np.arange(1, len(curve) + 1), curve, marker="o", label=name)
        axes.set_xlabel("unseen class, by rank of its accuracy")
        axes.set_ylabel("accuracy of the class (%)")
        axes.set_ylim(-3, 103)
        axes.legend()

    return StudyResult(
        f"The uneven prediction phenomenon {verdict(held)} (a gap of 30 points or more): {words}.",
        rows,
        draw,
        notes,
    )


STUDY = Study("Are unseen classes predicted unevenly? (STHS, fig. 1 A)", uneven_prediction)
