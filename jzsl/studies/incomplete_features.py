"""ABP paper, table 4: learning from features of which a share is missing.

Columns: base ("no mask": missing entries are zeros to it), missing % (share of the entries of the training samples),
T1 (%, mean over seeds), std, values (one per seed).
"""

from typing import Any

import numpy as np
from jaxtyping import Bool

from jzsl.methods.generative import Generative
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
from jzsl.types import Pool

MISSING = (0, 30, 50, 70, 90)
"""Percent."""


def incomplete_features(setup: StudySetup) -> StudyResult:
    """T1 when random entries of the training samples are missing; test samples are complete.

    Each base uses the mask as far as it can (ABP in both steps, CVAE in its ELBO, WGAN not at all), and ABP also learns
    without it: missing entries are then zeros, as they are for the others.
    """
    values: dict[tuple[str, int], Seeds] = {}
    for name, base in only_generative(setup).items():
        _train(setup, name, base, values)
    names = list(dict.fromkeys(name for name, _ in values))
    worst = MISSING[-1]
    words = [
        f"{name} {np.mean(values[name, 0]):.1f} % with all entries, {np.mean(values[name, worst]):.1f} % without "
        f"{worst} % of them"
        for name in names
    ]
    held = ""
    baselines = [name for name in names if not name.startswith("abp")]
    if "abp" in names and baselines:
        differences = compare({name: (values["abp", worst], values[name, worst]) for name in baselines})
        each = [f"{name} {claim([difference])} ({difference})" for name, difference in differences.items()]
        held = f"That ABP with its mask is more accurate at {worst} % missing entries than {', than '.join(each)}. "
    return StudyResult(
        f"{held}{'; '.join(words)}.",
        sweep_rows(values, "missing %", "T1"),
        lambda figure: _draw(figure, values),
        (f"inductive, {setup.epochs} epochs; entries are missing at random, test samples are complete",),
    )


def _train(setup: StudySetup, name: str, base: Generative, values: dict[tuple[str, int], Seeds]) -> None:
    """Adds the T1 of one base, with each share missing."""
    masked = Harness(setup, base)
    unmasked = Harness(setup, base) if name == "abp" else None
    for seed in range(setup.seeds):
        for percent in MISSING:
            setup.progress(f"{name}: seed {seed}, {percent} % missing")
            observed = missing_at_random(masked.pool, percent / 100, seed)
            pool = masked.pool._replace(observed=observed)
            t1 = masked.metrics(masked.trained(seed, pool), pool=pool)["T1"]
            values.setdefault((name, percent), []).append(t1)
            if unmasked is not None:
                pool = unmasked.pool._replace(x=np.where(observed, np.asarray(unmasked.pool.x), 0))
                t1 = unmasked.metrics(unmasked.trained(seed, pool), pool=pool)["T1"]
                values.setdefault((f"{name}, no mask", percent), []).append(t1)


def _draw(figure: Any, values: dict[tuple[str, int], Seeds]) -> None:
    axes = figure.subplots()
    for colour, name in zip(COLOURS, dict.fromkeys(name for name, _ in values), strict=False):
        of_shares = [values[name, percent] for percent in MISSING]
        spread = [np.std(of_seeds, ddof=1) if len(of_seeds) > 1 else 0.0 for of_seeds in of_shares]
        axes.errorbar(MISSING, np.mean(of_shares, 1), spread, marker="o", capsize=3, color=colour, label=name)
    axes.set_xlabel("missing entries of the training features (%)")
    axes.set_ylabel("T1 (%)")
    axes.set_xticks(MISSING)
    axes.legend()


def missing_at_random(pool: Pool, share: float, seed: int) -> Bool[np.ndarray, "n d"]:
    """Which entries are observed when each is missing with probability `share`."""
    return np.random.default_rng(seed).uniform(size=pool.x.shape) >= share


STUDY = Study("Which generators learn from incomplete features? (ABP, table 4)", incomplete_features, GENERATORS)
