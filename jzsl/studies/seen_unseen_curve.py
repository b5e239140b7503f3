"""HAS, eq. 9: the seen-unseen curve of every base, with its points without and with the calibration offset.

Columns: base, scores (uncalibrated, calibrated), offset (on the scores of unseen classes), U, S, H, AUSUC (%, means
over seeds), their standard deviations.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from jzsl.metrics.calibration import column_offsets
from jzsl.report.figures import COLOURS
from jzsl.studies.harness import Harness
from jzsl.studies.runs import calibration_offset
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, deviation
from jzsl.tasks.gzsl import GZSL

_METRICS = ("U", "S", "H", "AUSUC")
_AXIS = np.linspace(0, 1, 101)
"""U at which curves are averaged."""


def seen_unseen_curve(setup: StudySetup) -> StudyResult:
    """U, S, H without calibration and with the offset chosen on validation classes, on the whole curve."""
    rows: list[dict[str, Any]] = []
    curves: dict[str, Float[np.ndarray, " u"]] = {}
    h: dict[tuple[str, str], Seeds] = {}
    for name, base in setup.bases.items():
        setup.progress(f"{name}: validation classes")
        offset = calibration_offset(setup, base)
        harness = Harness(setup, base, GZSL())
        is_seen = np.isin(harness.candidates, harness.seen)
        of_seeds: list[Float[np.ndarray, " u"]] = []
        metrics: dict[str, list[dict[str, float]]] = {"uncalibrated": [], "calibrated": []}
        for seed in range(setup.seeds):
            setup.progress(f"{name}: seed {seed}")
            scores = harness.scores(harness.trained(seed))
            curve = harness.curve(scores)
            # S at each U: the curve runs from small to large U.
            of_seeds.append(np.interp(_AXIS, curve.unseen, curve.seen, right=0.0))
            for kind, added in (("uncalibrated", 0.0), ("calibrated", offset)):
                metrics[kind].append(harness.metrics_of(scores + column_offsets(added, is_seen)))
        curves[name] = np.mean(of_seeds, 0)
        for kind, added in (("uncalibrated", 0.0), ("calibrated", offset)):
            rows.append({"base": name, "scores": kind, "offset": round(added, 4), **_columns(metrics[kind])})
            h[name, kind] = [of_seed["H"] for of_seed in metrics[kind]]
    differences = compare({name: (h[name, "calibrated"], h[name, "uncalibrated"]) for name in setup.bases})
    words = "; ".join(f"{name}: {difference}" for name, difference in differences.items())
    return StudyResult(
        f"That an offset chosen on validation classes raises H {claim(differences.values())} ({words}).",
        rows,
        lambda figure: _draw(figure, curves, rows),
        (f"setting: inductive; {setup.epochs} epochs; curves are means over seeds at equal U",),
        ("base", "scores", "offset", "U", "S", "H", "H std", "AUSUC"),
    )


def _columns(of_seeds: list[dict[str, float]]) -> dict[str, float | None]:
    values = {name: [metrics[name] for metrics in of_seeds] for name in _METRICS}
    means = {name: round(float(np.mean(column)), 2) for name, column in values.items()}
    return means | {f"{name} std": deviation(column) for name, column in values.items()}


def _draw(figure: Any, curves: dict[str, Float[np.ndarray, " u"]], rows: list[dict[str, Any]]) -> None:
    axes = figure.subplots()
    markers = {"uncalibrated": "o", "calibrated": "*"}
    for colour, (name, curve) in zip(COLOURS, curves.items(), strict=False):
        of_base = [row for row in rows if row["base"] == name]
        axes.plot(100 * _AXIS, 100 * curve, color=colour, label=f"{name}, area {of_base[0]['AUSUC']:.1f} %")
        for row in of_base:
            label = f"{row['scores']}, H {row['H']:.1f} %"
            axes.plot(row["U"], row["S"], markers[row["scores"]], color=colour, markersize=9, label=label)
    axes.set_xlabel("accuracy of unseen classes, U (%)")
    axes.set_ylabel("accuracy of seen classes, S (%)")
    axes.set_xlim(0, 105 * max(_AXIS[curve > 0].max() for curve in curves.values()))
    axes.set_ylim(0, 102)
    figure.legend(ncols=len(curves), loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study("What does calibrated stacking gain in the generalized task? (HAS, eq. 9)", seen_unseen_curve)
