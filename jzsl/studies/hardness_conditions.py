"""In which conditions does hardness sampling win? Self-training on many draws of unseen classes.

One split of classes ranks selections largely by chance. Here a seed is a draw: a quarter of the seen classes becomes
unseen, and their samples the unlabelled pool, in as many draws as there are seeds. No test sample takes part.

Columns: base, group (selection and refinement), T1 (%, mean over draws), std, values (one per draw), gain over the
base, and p of the paired t-test against random sampling, corrected by Holm's method. Draws share classes, so p is
too small.
"""

from typing import Any

import numpy as np
from scipy.stats import spearmanr

from jzsl.report.figures import COLOURS
from jzsl.self_training.priors.known import Known
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.cbst import CBST
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, compare, group_rows

_SHARES = (0.3, 0.5, 0.8)
_EDGES = np.array([0, 10, 30, 50, 70, 90, 100.001])
_SHOWN = ("RS", "CFBS 0.5", "confidence", "confidence on mass, averaged")


def hardness_conditions(setup: StudySetup) -> StudyResult:
    """T1 after self-training with each selection on each draw, and what becomes of easy and of hard classes."""
    draws = setup.problem.validation_draws(setup.seeds)
    values: dict[tuple[str, str], Seeds] = {}
    before: dict[str, list[np.ndarray]] = {}
    change: dict[tuple[str, str], list[np.ndarray]] = {}
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True, problem=draws[0])
        for number, problem in enumerate(draws):
            harness = harness.on(problem) if number else harness
            share = np.bincount(harness.truth, minlength=len(harness.candidates)) / len(harness.truth)
            start: np.ndarray | None = None
            for variant, sths in _variants(setup.rounds, tuple(share.tolist())).items():
                setup.progress(f"{name}: draw {number + 1} of {len(draws)}, {variant}")
                label = np.asarray(harness.self_train_once(sths, number)[-1][0].label)
                values.setdefault((name, variant), []).append(harness.t1(label))
                accuracy = harness.accuracies(label)
                if start is None:
                    start = accuracy
                    before.setdefault(name, []).append(accuracy)
                change.setdefault((name, variant), []).append(accuracy - start)
    tested = {
        (name, variant): (values[name, variant], values[name, "RS"])
        for name, variant in values
        if variant not in ("base", "RS")
    }
    differences = compare(tested, over="draws")
    rows = []
    for row in group_rows(values, "T1"):
        key = row["base"], row["group"]
        gain = float(np.mean(values[key]) - np.mean(values[row["base"], "base"]))
        p = differences[key].p if key in differences else None
        rows.append({**row, "gain": round(gain, 2), "p": "" if p is None else round(p, 4)})
    return StudyResult(
        " ".join(_answer(name, values, differences) for name in setup.bases),
        rows,
        lambda figure: _draw(figure, before, change),
        (
            f"{setup.seeds} draws of {len(draws[0].unseen_classes)} of {len(setup.problem.seen_classes)} seen classes; "
            f"T = {setup.rounds}, {setup.epochs} epochs per round; mass: label propagation scaled to a uniform prior; "
            "the true prior is not available in practice",
        ),
        ("base", "group", "T1", "std", "gain", "p"),
    )


def _variants(rounds: int, prior: tuple[float, ...]) -> dict[str, STHS]:
    """Self-training by name, the base first; `prior` is the true one."""
    mass = LabelPropagation(mass=Uniform())
    return {
        "base": STHS(0),
        "mass": STHS(0, refinement=mass),
        "RS": STHS(rounds, RandomSampling()),
        **{f"CFBS {share}": STHS(rounds, CFBS(share)) for share in _SHARES},
        "PN-CFBS 0.5, true prior": STHS(rounds, PNCFBS(0.5, Known(prior))),
        "CBST": STHS(rounds, CBST()),
        "confidence": STHS(rounds, TopConfidence()),
        "RS on mass": STHS(rounds, RandomSampling(), refinement=mass),
        "CFBS 0.5 on mass": STHS(rounds, CFBS(0.5), refinement=mass),
        "confidence on mass": STHS(rounds, TopConfidence(), refinement=mass),
        "confidence on mass, averaged": STHS(rounds, TopConfidence(), refinement=mass, average=True),
    }


def _answer(name: str, values: dict[tuple[str, str], Seeds], differences: dict[Any, Any]) -> str:
    best = max((f"CFBS {share}" for share in _SHARES), key=lambda variant: np.mean(values[name, variant]))
    gain = np.subtract(values[name, best], values[name, "RS"])
    base = values[name, "base"]
    related = ""
    if len(gain) > 3 and np.ptp(gain) > 0 and np.ptp(base) > 0:
        statistic: Any = spearmanr(base, gain)
        related = (
            f"; its gain over RS correlates {statistic.statistic:+.2f} with the base's T1 (p = {statistic.pvalue:.2f})"
        )
    top = max((key for key in values if key[0] == name), key=lambda key: np.mean(values[key]))[1]
    return (
        f"{name}: the best of CFBS ({best}) against random sampling {differences[name, best]}{related}; "
        f"the highest mean is that of {top}, {np.mean(values[name, top]):.1f} over a base of {np.mean(base):.1f}."
    )


def _draw(figure: Any, before: dict[str, list[np.ndarray]], change: dict[tuple[str, str], list[np.ndarray]]) -> None:
    """Mean change of a class's accuracy against its accuracy by the base alone, a panel per base."""
    figure.set_size_inches(4.0 * len(before) + 3.4, 3.8)
    panels = figure.subplots(1, len(before), sharey=True, squeeze=False)[0]
    for panel, (name, starts) in zip(panels, before.items(), strict=True):
        start = np.concatenate(starts)
        bins = np.digitize(start, _EDGES) - 1
        used = [number for number in range(len(_EDGES) - 1) if (bins == number).any()]
        for variant, colour in zip(_SHOWN, COLOURS, strict=False):
            moved = np.concatenate(change[name, variant])
            mean = [moved[bins == number].mean() for number in used]
            error = [moved[bins == number].std() / np.sqrt((bins == number).sum()) for number in used]
            at = [start[bins == number].mean() for number in used]
            panel.errorbar(at, mean, error, marker="o", color=colour, label=variant, capsize=2)
        panel.axhline(0, color="0.6", linewidth=0.8)
        panel.set(title=name, xlabel="class accuracy of the base (%)", xlim=(-3, 103))
    panels[0].set_ylabel("change of class accuracy (points)")
    panels[-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))


STUDY = Study(
    "When does hardness sampling win, over many draws of unseen classes?",
    hardness_conditions,
    self_training=("rounds", "selection", "refinement"),
)
