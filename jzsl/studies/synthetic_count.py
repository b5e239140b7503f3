"""ABP paper, fig. 4: how many generated samples does a class need?

Columns: base, per class (generated samples of each unseen class), T1 (%, mean over seeds), std, values (one per seed).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jzsl.report.figures import COLOURS
from jzsl.studies.bases import GENERATORS
from jzsl.studies.harness import Harness
from jzsl.studies.study import (
    Seeds,
    Study,
    StudyResult,
    StudySetup,
    claim,
    compare,
    only_generative,
    sweep_rows,
)

COUNTS = (1, 2, 5, 10, 20, 50, 100, 300, 1000)


def synthetic_count(setup: StudySetup) -> StudyResult:
    """T1 with 1 to 1,000 generated samples per class, from the same trained generators."""
    values: dict[tuple[str, int], Seeds] = {}
    for name, base in only_generative(setup).items():
        harness = Harness(setup, base)
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            state = harness.trained(seed)
            for count in COUNTS:
                t1 = harness.metrics(state, replace(base, per_class=count))["T1"]
                values.setdefault((name, count), []).append(t1)
    names = list(dict.fromkeys(name for name, _ in values))
    words = [
        f"{name} {np.mean(values[name, 1]):.1f} % with one, {np.mean(values[name, 300]):.1f} % with 300"
        for name in names
    ]
    held = ""
    if {"abp", "wgan"} <= set(names):
        difference = compare({1: (values["abp", 1], values["wgan", 1])})[1]
        held = f"That ABP needs fewer than WGAN (T1 with one) {claim([difference])}. "
    return StudyResult(
        f"{held}{'; '.join(words)}.",
        sweep_rows(values, "per class", "T1"),
        lambda figure: _draw(figure, values),
        (f"inductive, {setup.epochs} epochs; bands: one standard deviation over seeds",),
    )


def _draw(figure: Any, values: dict[tuple[str, int], Seeds]) -> None:
    axes = figure.subplots()
    for colour, name in zip(COLOURS, dict.fromkeys(name for name, _ in values), strict=False):
        means = np.array([np.mean(values[name, count]) for count in COUNTS])
        axes.plot(COUNTS, means, marker="o", color=colour, label=name)
        if len(values[name, 1]) > 1:
            spread = np.array([np.std(values[name, count], ddof=1) for count in COUNTS])
            axes.fill_between(COUNTS, means - spread, means + spread, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlabel("generated samples of each unseen class")
    axes.set_ylabel("T1 (%)")
    axes.legend()


STUDY = Study("How many generated samples does a class need? (ABP, fig. 4)", synthetic_count, GENERATORS)
