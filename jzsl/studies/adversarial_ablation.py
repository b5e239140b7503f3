"""HAS, table 2 and figure 5: which terms of the adversarial loss help, and what does the reliability loss hold still?

Besides the rows of table 2: APN with as many learning steps as HAS takes, and ordinary adversarial training, which
raises the cross-entropy (the paper's row L_CLS can be read as either). Columns: base, variant, T1 (%, mean over seeds),
std, values (one per seed), U, S, H where the config scores the generalized task, vs APN (difference in points) and its
p; of training images perturbed as in training: drift (||g(x~) - g(x)|| / ||g(x)||, %), p(y) (change of the probability
of their class, points), entropy (change, nats).
"""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from sklearn.decomposition import PCA

from jzsl.interfaces import MethodConfig
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.has import HAS
from jzsl.report.figures import COLOURS
from jzsl.studies.adversarial import (
    ON_TEST_CLASSES,
    Shift,
    generalized_columns,
    only_has,
    recognise,
    runs_of,
    shift,
)
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, seed_columns
from jzsl.tasks.zsl import ZSL
from jzsl.training.minibatch import scaled

APN_ALONE, AS_MANY_STEPS, FULL, FREE = "APN", "APN, as many steps", "HAS", "HAS without L_REL"
_IMAGES, _DRAWN = 256, 64
_STAGES = (0, 5, 10)
"""Steps after which figure 5 shows features; the paper's are 10."""


def perturbations(samples: AdversarialSamples) -> dict[str, AdversarialSamples]:
    """Those of table 2, by the terms that they have; the weights of these are the given ones."""
    robustness = {"robustness": samples.robustness}
    reliability = {"reliability": samples.reliability}
    diversity = {"attention_entropy": samples.attention_entropy, "attention_mass": samples.attention_mass}

    def of(**weights: float) -> AdversarialSamples:
        none = {"robustness": 0.0, "reliability": 0.0, "attention_entropy": 0.0, "attention_mass": 0.0}
        return replace(samples, **(none | weights))

    return {
        "-L_CLS (ascent)": of(classification=-samples.classification),
        "L_CLS": of(),
        "L_CLS + L_ROB": of(**robustness),
        "L_CLS + L_DIV": of(**diversity),
        "L_CLS + L_ROB + L_REL": of(**robustness, **reliability),
        "L_CLS + L_DIV + L_REL": of(**diversity, **reliability),
        FULL: samples,
    }


def variants(base: HAS, epochs: int) -> dict[str, tuple[MethodConfig, int]]:
    """The method and the epochs of each row."""
    longer = round(epochs * (1 + base.probability))
    trained: dict[str, tuple[MethodConfig, int]] = {APN_ALONE: (base.apn, epochs), AS_MANY_STEPS: (base.apn, longer)}
    of_samples = {name: (replace(base, samples=each), epochs) for name, each in perturbations(base.samples).items()}
    return trained | of_samples


def adversarial_ablation(setup: StudySetup) -> StudyResult:
    """T1 of each row, and the change of training images."""
    metrics: dict[tuple[str, str], list[dict[str, float]]] = {}
    shifts: dict[tuple[str, str], list[Shift]] = {}
    pictures: dict[str, Any] = {}
    chosen = np.random.default_rng(0).permutation(setup.problem.splits.train)[:_IMAGES]
    images, y = scaled(setup.problem.samples[chosen]), setup.problem.labels[chosen].astype(np.int32)
    bases = only_has(setup)
    for name, base in bases.items():
        model = recognise(base.apn)
        free = replace(base, samples=replace(base.samples, reliability=0.0))
        for variant, (method, epochs) in variants(base, setup.epochs).items():
            runs = runs_of(replace(setup, epochs=epochs), method)
            kinds = {variant: method} if isinstance(method, HAS) else {}
            kinds |= {FREE: free} if variant == FULL else {}
            perturb = {kind: _perturbing(has) for kind, has in kinds.items()}
            for seed in range(setup.seeds):
                setup.progress(f"{name}: {variant}, seed {seed}")
                (state,) = runs.states(seed)
                metrics.setdefault((name, variant), []).append(runs.metrics(state))
                predictor = runs.predictor(state)
                for kind, perturbed in perturb.items():
                    before, after = (model(predictor, x) for x in (images, perturbed(predictor, images, y)))
                    shifts.setdefault((name, kind), []).append(shift(before, after, y))
                if variant == FULL and seed == 0 and not pictures:
                    few = images[:_DRAWN], y[:_DRAWN]
                    pictures = {kind: _trail(model, has, predictor, *few) for kind, has in kinds.items()}
    t1 = {key: [of_seed["T1"] for of_seed in of_seeds] for key, of_seeds in metrics.items()}
    return _result(setup, metrics, t1, shifts, pictures)


def _perturbing(has: HAS) -> Any:
    """(predictor, images, labels) -> perturbed images."""
    perturb = has.build(ZSL()).perturb
    assert perturb is not None
    return jax.jit(perturb)


def _trail(model: Any, has: HAS, predictor: Any, images: Any, y: Any) -> list[np.ndarray]:
    """Features after so many steps of perturbation as `_STAGES` says."""
    features = []
    for steps in _STAGES:
        longer = replace(has, samples=replace(has.samples, steps=steps))
        moved = _perturbing(longer)(predictor, images, y) if steps else images
        features.append(np.asarray(model(predictor, moved).features))
    return features


def _result(
    setup: StudySetup,
    metrics: dict[tuple[str, str], list[dict[str, float]]],
    t1: dict[tuple[str, str], Seeds],
    shifts: dict[tuple[str, str], list[Shift]],
    pictures: dict[str, list[np.ndarray]],
) -> StudyResult:
    drifts = {key: [each.drift for each in of_seeds] for key, of_seeds in shifts.items()}
    differences = compare(
        {(*key, APN_ALONE): (values, t1[key[0], APN_ALONE]) for key, values in t1.items() if key[1] != APN_ALONE}
        | {(name, FULL, AS_MANY_STEPS): (t1[name, FULL], t1[name, AS_MANY_STEPS]) for name in setup.bases}
        | {(name, FREE, FULL): (drifts[name, FREE], drifts[name, FULL]) for name in setup.bases}
    )

    def claimed(first: str, second: str) -> str:
        words = "; ".join(f"{name}: {differences[name, first, second]}" for name in setup.bases)
        return f"{claim(differences[name, first, second] for name in setup.bases)} ({words})"

    rows = []
    for key, values in t1.items():
        difference = differences.get((*key, APN_ALONE))
        rows.append(
            {
                "base": key[0],
                "variant": key[1],
                **seed_columns(values, "T1"),
                **generalized_columns(metrics[key]),
                "vs APN": None if difference is None else round(difference.mean, 2),
                "p": None if difference is None or difference.p is None else round(difference.p, 4),
                **_shift_columns(shifts.get(key)),
            }
        )
    for name in setup.bases:
        untrained: dict[str, Any] = dict.fromkeys(rows[0])
        rows.append(untrained | {"base": name, "variant": FREE, **_shift_columns(shifts[name, FREE])})
    return StudyResult(
        f"That HAS has a higher T1 than APN {claimed(FULL, APN_ALONE)}, than APN with as many learning steps "
        f"{claimed(FULL, AS_MANY_STEPS)}. That without L_REL perturbation moves the features of the same model "
        f"further, in percent of their length, {claimed(FREE, FULL)}.",
        rows,
        lambda figure: _draw(figure, t1, pictures),
        (
            f"inductive, {setup.epochs} epochs; {ON_TEST_CLASSES}",
            f"drift, p(y), entropy: of {_IMAGES} training images by the row's trained model; {FREE}: of HAS's model, "
            "perturbed without it, not trained so",
        ),
        tuple(name for name in rows[0] if name != "values" and (name != "base" or len(setup.bases) > 1)),
    )


def _shift_columns(of_seeds: list[Shift] | None) -> dict[str, Any]:
    if of_seeds is None:
        return {"drift": None, "p(y)": None, "entropy": None}
    drift, probability, entropy = np.mean(of_seeds, 0)
    return {"drift": round(float(drift), 2), "p(y)": round(float(probability), 2), "entropy": round(float(entropy), 4)}


def _draw(figure: Any, t1: dict[tuple[str, str], Seeds], pictures: dict[str, list[np.ndarray]]) -> None:
    """T1 of each variant, and features of perturbed images in the plane of their two principal components."""
    figure.set_size_inches(11, 4.5)
    bases = list(dict.fromkeys(name for name, _ in t1))
    names = list(dict.fromkeys(variant for _, variant in t1))[::-1]
    bars, *planes = figure.subplots(1, 1 + len(pictures), width_ratios=[1.3, *[1] * len(pictures)])
    height = 0.8 / len(bases)
    for number, base in enumerate(bases):
        of_base = [t1[base, variant] for variant in names]
        spread = [np.std(values, ddof=1) if len(values) > 1 else 0.0 for values in of_base]
        position = np.arange(len(names)) - (number - (len(bases) - 1) / 2) * height
        means = [np.mean(values) for values in of_base]
        bars.barh(position, means, 0.92 * height, xerr=spread, capsize=2, color=COLOURS[number], label=base)
    bars.set_yticks(range(len(names)), names, fontsize="small")
    bars.set_xlabel("T1 (%)")
    if len(bases) > 1:
        bars.legend(fontsize="small")
    pca = PCA(2, random_state=0).fit(np.concatenate([features for trail in pictures.values() for features in trail]))
    for axes, (kind, trail) in zip(planes, pictures.items(), strict=True):
        for number, (steps, features) in enumerate(zip(_STAGES, trail, strict=True)):
            shade = 0.25 + 0.75 * number / (len(_STAGES) - 1)
            axes.scatter(*pca.transform(features).T, s=10, color=COLOURS[0], alpha=shade, label=f"{steps} steps")
        axes.set_title(kind, fontsize="medium")
        axes.set_xlabel("component 1 of the features")
        axes.sharex(planes[0])
        axes.sharey(planes[0])
    planes[0].set_ylabel("component 2")
    planes[-1].legend(fontsize="small")


STUDY = Study(
    "Which terms of the adversarial loss help? (HAS, table 2 and fig. 5)",
    adversarial_ablation,
    ("has",),
    15,
    "digits_images",
)
