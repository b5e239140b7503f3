"""ABP paper, fig. 4: how many generated features does a class need?"""

from dataclasses import replace

import numpy as np

from jzsl.report.figures import COLOURS
from jzsl.studies.study import Finding, Setting, compared, only_generative, sweep_rows
from jzsl.studies.training_epochs import Trainee

COUNTS = (1, 2, 5, 10, 20, 50, 100, 300, 1000)


def synthetic_count(setting: Setting) -> Finding:
    """T1 with 1 to 1,000 generated features a class, from the same trained generators."""
    values: dict[tuple[str, int], list[float]] = {}
    for name, base in only_generative(setting).items():
        trainee = Trainee(setting.problem, base, setting.transform)
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            state = trainee.trained(seed, setting.epochs)
            for count in COUNTS:
                found = trainee.score(state, replace(base, per_class=count))["T1"]
                values.setdefault((name, count), []).append(found)
    names = list(dict.fromkeys(name for name, _ in values))
    words = [
        f"{name} {np.mean(values[name, 1]):.1f} % with one, {np.mean(values[name, 300]):.1f} % with 300"
        for name in names
    ]
    claim = ""
    if {"abp", "wgan"} <= set(names):
        claim = f"That ABP needs fewer than WGAN (T1 with one) {compared([(values['abp', 1], values['wgan', 1])])}. "

    def draw(figure):
        axes = figure.subplots()
        for place, name in enumerate(names):
            means = np.array([np.mean(values[name, count]) for count in COUNTS])
            axes.plot(COUNTS, means, marker="o", color=COLOURS[place], label=name)
            if setting.seeds > 1:
                spread = np.array([np.std(values[name, count], ddof=1) for count in COUNTS])
                axes.fill_between(COUNTS, means - spread, means + spread, color=COLOURS[place], alpha=0.2, linewidth=0)
        axes.set_xscale("log")
        axes.set_xlabel("generated features of each unseen class")
        axes.set_ylabel("T1 (%)")
        axes.legend()

    return Finding(
        "How many generated features does a class need? (ABP, fig. 4)",
        f"{claim}{'; '.join(words)}.",
        sweep_rows(values, "per class", "T1"),
        draw,
        (f"inductive, {setting.epochs} epochs; bands: one standard deviation over seeds",),
    )
