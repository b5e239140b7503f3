"""Generalized recognition by setting and selection (STHS, tables 2 and 4; AVH paper's selections beside them)."""

from typing import Any

import numpy as np

from jzsl.errors import InputError
from jzsl.methods.gated import Gated
from jzsl.report.figures import horizontal_bars
from jzsl.self_training.parts import SelectorConfig
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.selection.cbst import CBST
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.pn_cfbs_avc import PNCFBSAVC
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.studies.experiments import calibration_factor, experiment_of, inductive_numbers, last_numbers
from jzsl.studies.study import Finding, Setting, compared, paired
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

INDUCTIVE, SEPARATE, STRICT = "inductive", "separate pool", "strict"
_SHOWN = ("T1", *GZSL().numbers)


def selections(rounds: int, hard: float, strict: bool) -> dict[str, STHS]:
    """Name and settings of the selections compared."""

    def by(selection: SelectorConfig) -> STHS:
        return STHS(rounds, selection, strict=strict)

    return {
        "none (base)": STHS(0, strict=strict),
        "RS": by(RandomSampling()),
        "confidence": by(TopConfidence()),
        "CFBS": by(CFBS(hard)),
        "PN-CFBS, 3C": by(PNCFBS(hard)),
        "CBST": by(CBST()),
        "CBST+AVH": by(CBSTAVH()),
        "CRST": by(CRST()),
        "CFBS-AVC": by(PNCFBSAVC(hard, Uniform())),
        "PN-CFBS-AVC, 3C": by(PNCFBSAVC(hard)),
    }


def generalized_settings(setting: Setting) -> Finding:
    """T1, U, S, H, AUSUC and the stages' shares of the error for every setting and selection."""
    if not len(setting.problem.splits.test_seen):
        origin = setting.problem.provenance.origin
        raise InputError(f"{origin}: splits.test_seen: no rows, so there is no generalized task")
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    factors: dict[str, float] = {}
    for name, base in setting.bases.items():
        setting.tell(f"{name}: inductive")
        inductive = experiment_of(setting, base, (GZSL(),), calibration=True)
        factors[name] = calibration_factor(inductive)
        found[name, INDUCTIVE, "none (base)"] = inductive_numbers(inductive)
        found[name, INDUCTIVE, "none, calibrated"] = inductive_numbers(inductive, factors[name])
        for variant, sths in selections(setting.rounds, setting.hard, strict=False).items():
            setting.tell(f"{name}: separate pool, {variant}")
            experiment = experiment_of(setting, Gated(unseen=base), (GZSL(), ZSL()), sths)
            found[name, SEPARATE, variant] = last_numbers(experiment)
        for variant, sths in selections(setting.rounds, setting.hard, strict=True).items():
            setting.tell(f"{name}: strict, {variant}")
            experiment = experiment_of(setting, base, (GZSL(),), sths, calibration=True)
            found[name, STRICT, variant] = last_numbers(experiment, factors[name])

    def of(name: str, group: str, variant: str, number: str = "H") -> list[float]:
        return [numbers[number] for numbers in found[name, group, variant]]

    claims = []
    for group in (SEPARATE, STRICT):
        hard = compared([(of(name, group, "CFBS"), of(name, group, "RS")) for name in setting.bases])
        words = "; ".join(f"{name}: {paired(of(name, group, 'CFBS'), of(name, group, 'RS'))}" for name in setting.bases)
        joint = "; ".join(
            f"{name}: {paired(of(name, group, 'CFBS-AVC'), of(name, group, 'CFBS'))}" for name in setting.bases
        )
        claims.append(
            f"In the setting {group}, that H is higher with CFBS than with random sampling {hard} ({words}); "
            f"surest rows instead of random ones of the hard classes: {joint}."
        )
    shown = {
        (f"{name}, {group}", variant): of(name, group, variant) for name, group, variant in found if group != INDUCTIVE
    }
    return Finding(
        "What do setting and selection do to generalized recognition? (STHS, tables 2 and 4)",
        " ".join(claims),
        [
            {"base": name, "setting": group, "selection": variant, **_summary(numbers)}
            for (name, group, variant), numbers in found.items()
        ],
        lambda figure: horizontal_bars(figure, shown, "H (%)"),
        (
            f"T = {setting.rounds}, K = {setting.hard:.0%} of the unseen classes, {setting.epochs} epochs a round; "
            "separate pool: a detector and two experts; strict: the bonus on unseen classes "
            + ", ".join(f"{name} {factor:.3g}" for name, factor in factors.items())
            + " was chosen on validation classes and is in every round",
        ),
        ("base", "setting", "selection", "T1", "U", "S", "H", "AUSUC"),
    )


def _summary(of_seeds: list[dict[str, float]]) -> dict[str, Any]:
    """Means over seeds, and standard deviations of what tables report; the values are those of H."""
    row: dict[str, Any] = {}
    for number in _SHOWN:
        values = [numbers[number] for numbers in of_seeds if number in numbers]
        row[number] = round(float(np.mean(values)), 2) if values else None
        if number in ("T1", "U", "S", "H", "AUSUC"):
            row[f"{number} std"] = round(float(np.std(values, ddof=1)), 2) if len(values) > 1 else None
    return row | {"values": " ".join(f"{numbers['H']:.2f}" for numbers in of_seeds)}
