"""HAS, table 3: do image augmentations harm APN, whose attributes they may change?

Every augmentation comes after the config's own. Those of the paper's table, with a milder form of rotation and crop and
both strengths of MixUp and CutMix; all but SnapMix, which needs the model's class activation maps. Images of one
channel have no greyscale rows, and their colour jitter is brightness and contrast.

Columns: base, augmentation, T1 (%, mean over seeds), std, values (one per seed), U, S, H where the config scores the
generalized task, vs APN and vs HAS (differences in points), each with its p.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from jzsl.interfaces import MethodConfig
from jzsl.methods.apn import APN
from jzsl.methods.has import HAS
from jzsl.report.figures import horizontal_bars
from jzsl.studies.adversarial import ON_TEST_CLASSES, generalized_columns, only_has, runs_of
from jzsl.studies.study import (
    Difference,
    Seeds,
    Study,
    StudyResult,
    StudySetup,
    claim,
    compare,
    seed_columns,
)
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.blur import GaussianBlur
from jzsl.training.augment.colour import ColourJitter
from jzsl.training.augment.cutmix import CutMix
from jzsl.training.augment.cutout import Cutout
from jzsl.training.augment.grey import RandomGrey
from jzsl.training.augment.mixture import MixConfig
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.random_rotation import RandomRotation
from jzsl.training.augment.resized_crop import RandomResizedCrop

PLAIN, NONE_AT_ALL, ADVERSARIAL, MEAN = "APN", "APN, no augmentation at all", "HAS", "mean of all augmentations"


def augmentations(height: int, width: int, channels: int) -> dict[str, AugmentConfig]:
    """Of single images, by name, for images of this size; widths of blur and cut-outs grow with the image."""
    side = min(height, width)
    unit = max(1.0, side / 112)

    def blur(low: float, high: float) -> GaussianBlur:
        reach = min(math.ceil(2 * high), side - 1)
        return GaussianBlur(2 * reach + 1, (low, high))

    def jitter(strength: float) -> ColourJitter:
        return ColourJitter(strength, strength, strength, min(strength, 0.5))

    def crop(sides: float) -> RandomResizedCrop:
        return RandomResizedCrop((sides**2, sides**2), (width / height, width / height))

    grey = {f"GrayScale {share}": RandomGrey(share) for share in (0.2, 0.4)} if channels == 3 else {}
    return {
        "ColorJitter 0.2": jitter(0.2),
        "ColorJitter 0.4": jitter(0.4),
        **grey,
        "GaussianBlur, light": blur(0.1, unit),
        "GaussianBlur, heavy": blur(unit, 2 * unit),
        "RandomRotate 15": RandomRotation(15),
        "RandomRotate 180": RandomRotation(180),
        "RandomCrop 3/4": crop(0.75),
        "RandomCrop 1/2": crop(0.5),
        "CutOut 1/4": Cutout(max(1, side // 4)),
        "CutOut 1/2": Cutout(max(1, side // 2)),
    }


MIXTURES: dict[str, MixConfig] = {
    "MixUp 0.2": MixUp(0.2),
    "MixUp 1": MixUp(1.0),
    "CutMix 0.2": CutMix(0.2),
    "CutMix 1": CutMix(1.0),
}


def variants(base: HAS, shape: tuple[int, ...]) -> dict[str, MethodConfig]:
    """The method of each row, for images of this shape."""
    apn = base.apn
    height, width, channels = shape
    augmented: dict[str, APN] = {
        name: replace(apn, augment=Sequence((apn.augment, augment)))
        for name, augment in augmentations(height, width, channels).items()
    }
    mixed = {name: replace(apn, mix=mix) for name, mix in MIXTURES.items()}
    bare = replace(apn, augment=Sequence(), mix=None)
    return {PLAIN: apn, NONE_AT_ALL: bare, **augmented, **mixed, ADVERSARIAL: base}


def augmentation_harm(setup: StudySetup) -> StudyResult:
    """T1 of APN with each augmentation."""
    metrics: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name, base in only_has(setup).items():
        for variant, method in variants(base, setup.problem.sample_shape).items():
            setup.progress(f"{name}: {variant}")
            metrics[name, variant] = runs_of(setup, method).last_metrics()
    t1 = {key: [of_seed["T1"] for of_seed in of_seeds] for key, of_seeds in metrics.items()}
    return _result(setup, metrics, t1)


def _result(
    setup: StudySetup, metrics: dict[tuple[str, str], list[dict[str, float]]], t1: dict[tuple[str, str], Seeds]
) -> StudyResult:
    names = [name for name in dict.fromkeys(name for _, name in t1) if name not in (PLAIN, NONE_AT_ALL, ADVERSARIAL)]
    means = {(base, MEAN): np.mean([t1[base, name] for name in names], 0).tolist() for base in setup.bases}
    differences = compare(
        {
            (base, variant, rival): (values, t1[base, rival])
            for (base, variant), values in (t1 | means).items()
            for rival in (PLAIN, ADVERSARIAL)
            if variant != rival and (variant, rival) != (PLAIN, ADVERSARIAL)
        }
    )
    rows = [
        {
            "base": base,
            "augmentation": variant,
            **seed_columns(values, "T1"),
            **(generalized_columns(metrics[base, variant]) if variant != MEAN else {}),
            **_against("vs APN", differences.get((base, variant, PLAIN))),
            **_against("vs HAS", differences.get((base, variant, ADVERSARIAL))),
        }
        for (base, variant), values in (t1 | means).items()
    ]
    rows = [dict.fromkeys(rows[0]) | row for row in rows]
    words = []
    for base in setup.bases:
        harmful = [name for name in names if differences[base, name, PLAIN].mean < 0]
        clearly = [name for name in harmful if differences[base, name, PLAIN].significant]
        words.append(
            f"{base}: {len(harmful)} of {len(names)} augmentations lower APN's mean T1, {len(clearly)} of them "
            f"significantly; their mean against APN {differences[base, MEAN, PLAIN]}, HAS against APN "
            f"{differences[base, ADVERSARIAL, PLAIN]}"
        )
    harm = claim(_reversed(differences[base, name, PLAIN]) for base in setup.bases for name in names)
    better = claim(_reversed(differences[base, name, ADVERSARIAL]) for base in setup.bases for name in names)
    return StudyResult(
        f"That every augmentation lowers T1 {harm}; that HAS beats every one {better}. {'; '.join(words)}.",
        rows,
        lambda figure: horizontal_bars(figure, t1, "T1 (%)"),
        (
            f"inductive, {setup.epochs} epochs; {ON_TEST_CLASSES}",
            "each augmentation comes after the config's own, which APN and HAS have, too; SnapMix is left out",
        ),
        tuple(name for name in rows[0] if name != "values" and (name != "base" or len(setup.bases) > 1)),
    )


def _reversed(difference: Difference) -> Difference:
    return difference._replace(mean=-difference.mean)


def _against(column: str, difference: Difference | None) -> dict[str, Any]:
    if difference is None:
        return {column: None, f"p {column}": None}
    return {
        column: round(difference.mean, 2),
        f"p {column}": None if difference.p is None else round(difference.p, 4),
    }


STUDY = Study(
    "Do image augmentations harm zero-shot learning by attributes? (HAS, table 3)",
    augmentation_harm,
    ("has",),
    15,
    "digits_images",
)
