"""STHS, tables 2 and 4: generalized recognition by setting and selection (with the AVH paper's selections).

Columns: base, setting (inductive, separate pool, strict), selection, T1 (separate pool only), the metrics of the
generalized task (%, means over seeds) with standard deviations of T1, U, S, H, AUSUC, values (H, one per seed).
"""

from typing import Any

import numpy as np

from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig
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
from jzsl.studies.runs import Runs, calibration_offset
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, deviation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

INDUCTIVE, SEPARATE, STRICT = "inductive", "separate pool", "strict"
_SHOWN = ("T1", *GZSL().numbers)
_PAIRS = (("CFBS", "RS"), ("CFBS-AVC", "CFBS"))


def selections(rounds: int, hard: float, strict: bool) -> dict[str, STHS]:
    """Self-training of each selection by name."""

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


def generalized_settings(setup: StudySetup) -> StudyResult:
    """The metrics of the generalized task, and T1, for every setting and selection."""
    if not len(setup.problem.splits.test_seen):
        origin = setup.problem.provenance.origin
        raise InputError(f"{origin}: splits.test_seen: no samples, so there is no generalized task")
    metrics: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    offsets: dict[str, float] = {}
    for name, base in setup.bases.items():
        setup.progress(f"{name}: inductive")
        offsets[name] = calibration_offset(setup, base)
        of_base = _train(setup, name, base, offsets[name])
        metrics |= {(name, *key): of_seeds for key, of_seeds in of_base.items()}
    h = {key: [of_seed["H"] for of_seed in of_seeds] for key, of_seeds in metrics.items()}
    shown = {
        (f"{name}, {group}", variant): values for (name, group, variant), values in h.items() if group != INDUCTIVE
    }
    return StudyResult(
        _answer(setup, h),
        [
            {"base": name, "setting": group, "selection": variant, **_columns(of_seeds)}
            for (name, group, variant), of_seeds in metrics.items()
        ],
        lambda figure: horizontal_bars(figure, shown, "H (%)"),
        (
            f"T = {setup.rounds}, K = {setup.hard_class_fraction:.0%} of the unseen classes, {setup.epochs} epochs per "
            "round; separate pool: a detector and two experts; strict: the calibration offset "
            + ", ".join(f"{name} {offset:.3g}" for name, offset in offsets.items())
            + " was chosen on validation classes and is used in every round",
        ),
        ("base", "setting", "selection", "T1", "U", "S", "H", "AUSUC"),
    )


def _train(
    setup: StudySetup, name: str, base: MethodConfig, offset: float
) -> dict[tuple[str, str], list[dict[str, float]]]:
    """The metrics of every seed of one base, by setting and selection."""
    gzsl = (GZSL(),)
    metrics = {
        (INDUCTIVE, "none (base)"): Runs(setup, base, gzsl).last_metrics(),
        (INDUCTIVE, "none, calibrated"): Runs(setup, base, gzsl, offset=offset).last_metrics(),
    }
    for variant, sths in selections(setup.rounds, setup.hard_class_fraction, strict=False).items():
        setup.progress(f"{name}: separate pool, {variant}")
        metrics[SEPARATE, variant] = Runs(setup, Gated(unseen=base), (GZSL(), ZSL()), sths).last_metrics()
    for variant, sths in selections(setup.rounds, setup.hard_class_fraction, strict=True).items():
        setup.progress(f"{name}: strict, {variant}")
        metrics[STRICT, variant] = Runs(setup, base, gzsl, sths, offset).last_metrics()
    return metrics


def _answer(setup: StudySetup, h: dict[tuple[str, str, str], Seeds]) -> str:
    differences = compare(
        {
            (name, group, first): (h[name, group, first], h[name, group, second])
            for name in setup.bases
            for group in (SEPARATE, STRICT)
            for first, second in _PAIRS
        }
    )
    claims = []
    for group in (SEPARATE, STRICT):
        held = claim(differences[name, group, "CFBS"] for name in setup.bases)
        random, confident = (
            "; ".join(f"{name}: {differences[name, group, first]}" for name in setup.bases) for first, _ in _PAIRS
        )
        claims.append(
            f"In the setting {group}, that H is higher with CFBS than with random sampling {held} ({random}); "
            f"the most confident samples of the hard classes instead of random ones: {confident}."
        )
    return " ".join(claims)


def _columns(of_seeds: list[dict[str, float]]) -> dict[str, Any]:
    """Means over seeds, and standard deviations of what tables report; the values are those of H."""
    row: dict[str, Any] = {}
    for name in _SHOWN:
        values = [metrics[name] for metrics in of_seeds if name in metrics]
        row[name] = round(float(np.mean(values)), 2) if values else None
        if name in ("T1", "U", "S", "H", "AUSUC"):
            row[f"{name} std"] = deviation(values)
    return row | {"values": " ".join(f"{metrics['H']:.2f}" for metrics in of_seeds)}


STUDY = Study(
    "What do setting and selection do to generalized recognition? (STHS, tables 2 and 4)",
    generalized_settings,
    self_training=("rounds", "selection", "strict"),
)
