"""HAS, figure 4: how does T1 depend on the settings of the perturbation?

One setting at a time around the config's: the size and the number of the steps, and the weights of the terms of the
adversarial loss. A weight of 0 in the config is varied around the default of `AdversarialSamples`.

Columns: base, setting, value, T1 (%, mean over seeds), std, values (one per seed), vs config (difference in points to
the config's own value) and its p.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.report.figures import COLOURS
from jzsl.studies.adversarial import ON_TEST_CLASSES, only_has, runs_of
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, compare, seed_columns

SIZES = (0.25, 0.5, 1, 2, 4)
STEPS = (1, 2, 4)
WEIGHTS = (0, 0.1, 1, 10)
"""Times the config's value."""
_WEIGHTS = ("robustness", "reliability", "attention_entropy", "attention_mass")
"""lambda_1, lambda_2 and the two parts of lambda_3."""


def settings(samples: AdversarialSamples) -> dict[str, dict[float, AdversarialSamples]]:
    """By the name of each setting its values, the given one among them, in ascending order."""

    def of(name: str, values: set[float]) -> dict[float, AdversarialSamples]:
        return {value: replace(samples, **{name: value}) for value in sorted(values | {getattr(samples, name)})}

    steps = of("steps", {1, *(share * samples.steps for share in STEPS)})
    sizes = of("step_size", {share * samples.step_size for share in SIZES})
    weights = {}
    for name in _WEIGHTS:
        centre = getattr(samples, name) or getattr(AdversarialSamples(), name)
        weights[name] = of(name, {share * centre for share in WEIGHTS})
    return {"step_size": sizes, "steps": steps, **weights}


def adversarial_sensitivity(setup: StudySetup) -> StudyResult:
    """T1 with each value of each setting."""
    values: dict[tuple[str, str, float], Seeds] = {}
    plain: dict[str, Seeds] = {}
    for name, base in only_has(setup).items():
        setup.progress(f"{name}: APN")
        plain[name] = _t1(setup, base.apn)
        trained: dict[AdversarialSamples, Seeds] = {}
        for setting, of_values in settings(base.samples).items():
            for value, samples in of_values.items():
                setup.progress(f"{name}: {setting} {value:.3g}")
                if samples not in trained:
                    trained[samples] = _t1(setup, replace(base, samples=samples))
                values[name, setting, value] = trained[samples]
    return _result(setup, values, plain)


def _t1(setup: StudySetup, method: Any) -> Seeds:
    return [metrics["T1"] for metrics in runs_of(replace(setup, tasks=()), method).last_metrics()]


def _result(setup: StudySetup, values: dict[tuple[str, str, float], Seeds], plain: dict[str, Seeds]) -> StudyResult:
    centres = {
        (name, setting): getattr(base.samples, setting)
        for name, base in only_has(setup).items()
        for setting in settings(base.samples)
    }
    differences = compare(
        {
            key: (of_seeds, values[*key[:2], centres[key[:2]]])
            for key, of_seeds in values.items()
            if key[2] != centres[key[:2]]
        }
    )
    rows: list[dict[str, Any]] = []
    for name in setup.bases:
        rows.append({"base": name, "setting": "APN", "value": None, **seed_columns(plain[name], "T1")})
    for key, of_seeds in values.items():
        difference = differences.get(key)
        rows.append(
            {
                "base": key[0],
                "setting": key[1],
                "value": float(f"{key[2]:.6g}"),
                **seed_columns(of_seeds, "T1"),
                "vs config": None if difference is None else round(difference.mean, 2),
                "p": None if difference is None or difference.p is None else round(difference.p, 4),
            }
        )
    rows = [dict.fromkeys(rows[-1]) | row for row in rows]
    words = []
    for name in setup.bases:
        means = {key[1:]: float(np.mean(of_seeds)) for key, of_seeds in values.items() if key[0] == name}
        ranges = {
            setting: [mean for (of, _), mean in means.items() if of == setting] for setting, _ in dict.fromkeys(means)
        }
        clear = sum(1 for key, each in differences.items() if key[0] == name and each.significant)
        total = sum(1 for key in differences if key[0] == name)
        spread = ", ".join(f"{setting} {min(of):.1f} to {max(of):.1f}" for setting, of in ranges.items())
        words.append(
            f"{name}: mean T1 by {spread}; APN {np.mean(plain[name]):.1f}; {clear} of {total} values differ "
            "significantly from the config's (paired t-tests over seeds, Holm-corrected)"
        )
    return StudyResult(
        f"{'; '.join(words)}.",
        rows,
        lambda figure: _draw(figure, values, plain, centres),
        (f"inductive, {setup.epochs} epochs; {ON_TEST_CLASSES}", "bands: one standard deviation over seeds"),
        tuple(name for name in rows[0] if name != "values" and (name != "base" or len(setup.bases) > 1)),
    )


def _draw(
    figure: Any,
    values: dict[tuple[str, str, float], Seeds],
    plain: dict[str, Seeds],
    centres: dict[tuple[str, str], float],
) -> None:
    """A panel for each setting; its values are equally far apart, and the config's own is a filled marker."""
    figure.set_size_inches(10, 6)
    names = list(dict.fromkeys(setting for _, setting, _ in values))
    panels = figure.subplots(2, 3, sharey=True)
    for axes, setting in zip(panels.ravel(), names, strict=True):
        for colour, name in zip(COLOURS, plain, strict=False):
            numbers = [value for of, at, value in values if (of, at) == (name, setting)]
            of_seeds = [values[name, setting, value] for value in numbers]
            means, position = np.mean(of_seeds, 1), np.arange(len(numbers))
            axes.plot(position, means, marker="o", markerfacecolor="white", color=colour, label=name)
            configured = numbers.index(centres[name, setting])
            axes.plot(configured, means[configured], "o", color=colour)
            if len(of_seeds[0]) > 1:
                spread = np.std(of_seeds, 1, ddof=1)
                axes.fill_between(position, means - spread, means + spread, color=colour, alpha=0.2, linewidth=0)
            axes.axhline(np.mean(plain[name]), color=colour, linestyle=":", label=f"APN of {name}")
            axes.set_xticks(position, [f"{value:.3g}" for value in numbers])
        axes.set_xlabel(setting.replace("_", " "))
    for axes in panels[:, 0]:
        axes.set_ylabel("T1 (%)")
    panels[0, 0].legend(fontsize="small")


STUDY = Study(
    "How does T1 depend on the settings of the perturbation? (HAS, fig. 4)",
    adversarial_sensitivity,
    ("has",),
    15,
    "digits_images",
)
