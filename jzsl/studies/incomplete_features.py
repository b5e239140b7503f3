"""ABP paper, table 4: learning from features of which a share is missing."""

import numpy as np

from jzsl.report.figures import COLOURS
from jzsl.studies.study import Finding, Setting, compared, only_generative, sweep_rows
from jzsl.studies.training_epochs import Trainee
from jzsl.types import Pool

MISSING = (0, 30, 50, 70, 90)
"""Percent."""


def incomplete_features(setting: Setting) -> Finding:
    """T1 when random entries of the training rows are missing; test rows are whole.

    Each base learns with the mask, as far as it has a place for one (ABP in both steps, CVAE in its bound, WGAN
    nowhere), and ABP also without: then missing entries are zeros for it, as they are for the others.
    """
    values: dict[tuple[str, int], list[float]] = {}
    for name, base in only_generative(setting).items():
        trainee = Trainee(setting.problem, base, setting.transform)
        blind = Trainee(setting.problem, base, setting.transform) if name == "abp" else None
        for seed in range(setting.seeds):
            for percent in MISSING:
                setting.tell(f"{name}: seed {seed}, {percent} % missing")
                observed = missing_at_random(trainee.pool, percent / 100, seed)
                masked = trainee.pool._replace(observed=observed)
                found = trainee.score(trainee.trained(seed, setting.epochs, masked), base, masked)["T1"]
                values.setdefault((name, percent), []).append(found)
                if blind is not None:
                    zeros = trainee.pool._replace(x=np.where(observed, trainee.view.pool.x, 0))
                    found = blind.score(blind.trained(seed, setting.epochs, zeros), base, zeros)["T1"]
                    values.setdefault((f"{name}, no mask", percent), []).append(found)
    names = list(dict.fromkeys(name for name, _ in values))
    worst = MISSING[-1]
    words = [
        f"{name} {np.mean(values[name, 0]):.1f} % with all entries, {np.mean(values[name, worst]):.1f} % without "
        f"{worst} % of them"
        for name in names
    ]
    claim = ""
    rivals = [name for name in names if not name.startswith("abp")]
    if "abp" in names and rivals:
        each = [f"{name} {compared([(values['abp', worst], values[name, worst])])}" for name in rivals]
        claim = f"That ABP with its mask survives {worst} % missing entries better than {', than '.join(each)}. "

    def draw(figure):
        axes = figure.subplots()
        for place, name in enumerate(names):
            means = [np.mean(values[name, percent]) for percent in MISSING]
            spread = [np.std(values[name, p], ddof=1) if setting.seeds > 1 else 0.0 for p in MISSING]
            axes.errorbar(MISSING, means, spread, marker="o", capsize=3, color=COLOURS[place], label=name)
        axes.set_xlabel("missing entries of the training features (%)")
        axes.set_ylabel("T1 (%)")
        axes.set_xticks(MISSING)
        axes.legend()

    return Finding(
        "Who learns from incomplete features? (ABP, table 4)",
        f"{claim}{'; '.join(words)}.",
        sweep_rows(values, "missing %", "T1"),
        draw,
        (f"inductive, {setting.epochs} epochs; entries are missing at random, test rows are whole",),
    )


def missing_at_random(pool: Pool, share: float, seed: int) -> np.ndarray:
    """bool[n, d]: which entries are there when each is missing with probability `share`."""
    return np.random.default_rng(seed).uniform(size=pool.x.shape) >= share
