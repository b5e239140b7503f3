"""STHS, fig. 3 A, B: do rounds of self-training even out hard and easy classes?

Hard is the half of the classes that are predicted more rarely, as CFBS ranks them.

Columns: base, classes (hard, easy), round (0: inductive base), accuracy (%, mean over classes and seeds), precision of
pseudo-labels (%; empty where no class of the group is predicted).
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from jzsl.report.figures import COLOURS
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, defined_mean, verdict

_GROUPS = ("hard", "easy")


def hardness_dynamics(setup: StudySetup) -> StudyResult:
    """Accuracy and precision of both groups after each round."""
    curves: dict[tuple[str, str], Float[np.ndarray, "t 2"]] = {}
    notes, words, held = (), [], True
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        notes = (
            *harness.notes,
            f"CFBS, T = {setup.rounds}, K = {setup.hard_class_fraction:.0%} of the classes; hard: the half of the "
            "classes that are predicted more rarely",
        )
        by_group = _group_means(setup, harness, name)
        curves |= {(name, group): by_group[group] for group in _GROUPS}
        hard, easy = by_group["hard"], by_group["easy"]
        first, last = easy[0, 0] - hard[0, 0], easy[-1, 0] - hard[-1, 0]
        more_precise = bool((hard[:, 1] > easy[:, 1]).all())
        held &= bool(first > 0 and last < first and more_precise)
        words.append(
            f"{name}: easy classes lead by {first:.1f} points at first and {last:.1f} at last; hard ones are "
            f"{'' if more_precise else 'not '}the more precise in every round"
        )
    return StudyResult(
        f"That class frequency identifies hard classes, that their labels are purer and that the gap closes "
        f"{verdict(held)}. {'; '.join(words)}.",
        _rows(curves),
        lambda figure: _draw(figure, setup, curves),
        notes,
    )


def _group_means(setup: StudySetup, harness: Harness, name: str) -> dict[str, Float[np.ndarray, "t 2"]]:
    """Accuracy and precision of each group after each round, means over seeds."""
    values: dict[str, list[list[tuple[float, float]]]] = {group: [] for group in _GROUPS}
    sths = STHS(setup.rounds, CFBS(setup.hard_class_fraction))
    for seed, rounds in enumerate(harness.self_train(sths)):
        setup.progress(f"{name}: seed {seed}")
        of_seed: dict[str, list[tuple[float, float]]] = {group: [] for group in _GROUPS}
        for predictions, _ in rounds:
            predicted = np.asarray(predictions.label)
            classes = len(harness.candidates)
            order = np.argsort(np.bincount(predicted, minlength=classes), kind="stable")
            accuracy, precision = harness.accuracies(predicted), harness.precisions(predicted)
            for group, columns in zip(_GROUPS, (order[: classes // 2], order[classes // 2 :]), strict=True):
                of_seed[group].append((accuracy[columns].mean(), defined_mean(precision[columns])))
        for group in _GROUPS:
            values[group].append(of_seed[group])
    return {
        group: np.array([[defined_mean(of_round[:, 0]), defined_mean(of_round[:, 1])] for of_round in by_round])
        for group, by_round in ((group, np.array(of_seeds).swapaxes(0, 1)) for group, of_seeds in values.items())
    }


def _rows(curves: dict[tuple[str, str], Float[np.ndarray, "t 2"]]) -> list[dict[str, Any]]:
    return [
        {
            "base": name,
            "classes": group,
            "round": t,
            "accuracy": round(float(accuracy), 2),
            "precision": None if np.isnan(precision) else round(float(precision), 2),
        }
        for (name, group), means in curves.items()
        for t, (accuracy, precision) in enumerate(means)
    ]


def _draw(figure: Any, setup: StudySetup, curves: dict[tuple[str, str], Float[np.ndarray, "t 2"]]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for (name, group), means in curves.items():
        colour = COLOURS[list(setup.bases).index(name)]
        style = {"linestyle": "-" if group == "hard" else "--", "marker": "o", "color": colour}
        left.plot(means[:, 0], label=f"{name}, {group} classes", **style)
        right.plot(means[:, 1], **style)
    for axes, title in ((left, "A: accuracy"), (right, "B: precision of pseudo-labels")):
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("round (0: inductive base)")
        axes.set_xticks(range(setup.rounds + 1))
    left.set_ylabel("mean over classes (%)")
    figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "Do rounds of self-training even out hard and easy classes? (STHS, fig. 3)",
    hardness_dynamics,
    self_training=("rounds", "selection"),
)
