"""STHS, fig. 1 A: do some unseen classes have high accuracy while others have low?"""

import numpy as np

from jzsl.studies.retraining import Retrainer
from jzsl.studies.study import Finding, Setting


def uneven_prediction(setting: Setting) -> Finding:
    """Accuracy of every unseen class by each inductive base, mean over seeds."""
    rows, curves, gaps, notes = [], {}, [], ()
    for name, base in setting.bases.items():
        setting.tell(f"{name}: inductive")
        retrainer = Retrainer(setting.problem, base, setting.transform, setting.epochs)
        notes = retrainer.notes
        values = np.array([retrainer.accuracies(retrainer.predict(seed)) for seed in range(setting.seeds)])
        mean = values.mean(0)
        spread = values.std(0, ddof=1) if setting.seeds > 1 else np.zeros(values.shape[1])
        order = np.argsort(-mean)
        curves[name] = mean[order]
        third = max(1, len(order) // 3)
        gaps.append((name, mean[order[:third]].mean(), mean[order[-third:]].mean()))
        rows += [
            {
                "base": name,
                "class": retrainer.names[c],
                "accuracy": round(float(mean[c]), 2),
                "std": round(float(spread[c]), 2),
            }
            for c in order
        ]
    held = all(top - bottom > 30 for _, top, bottom in gaps)
    numbers = "; ".join(f"{name}: best third {top:.1f} %, worst third {bottom:.1f} %" for name, top, bottom in gaps)

    claim = "holds here" if held else "does NOT hold here"

    def draw(figure):
        axes = figure.subplots()
        for name, curve in curves.items():
            axes.plot(np.arange(1, len(curve) + 1), curve, marker="o", label=name)
        axes.set_xlabel("unseen class, by rank of its accuracy")
        axes.set_ylabel("accuracy of the class (%)")
        axes.set_ylim(-3, 103)
        axes.legend()

    return Finding(
        "Are unseen classes predicted unevenly? (STHS, fig. 1 A)",
        f"The uneven prediction phenomenon {claim} (a gap of 30 points or more): {numbers}.",
        rows,
        draw,
        notes,
    )
