"""The seen-unseen curve of every base, with the working points of no calibration and of one chosen beforehand."""

import numpy as np

from jzsl.metrics.calibration import calibrated
from jzsl.report.figures import COLOURS
from jzsl.studies.experiments import calibration_factor, experiment_of
from jzsl.studies.study import Finding, Setting, compared, paired
from jzsl.studies.training_epochs import Trainee
from jzsl.tasks.gzsl import GZSL

_POINTS = 101


def seen_unseen_curve(setting: Setting) -> Finding:
    """U, S, H without calibration and with the factor that validation classes chose, on the whole curve."""
    rows, curves, marks = [], {}, {}
    values: dict[tuple[str, str], list[float]] = {}
    for name, base in setting.bases.items():
        setting.tell(f"{name}: validation classes")
        factor = calibration_factor(experiment_of(setting, base, (GZSL(),), calibration=True))
        trainee = Trainee(setting.problem, base, setting.scaling, GZSL())
        unseen = np.linspace(0, 1, _POINTS)
        of_seeds, numbers = [], {"uncalibrated": [], "calibrated": []}
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            scores = trainee.scores(trainee.trained(seed, setting.epochs), base)
            is_seen = trainee.view.classes.seen[trainee.protocol.candidates(GZSL())]
            curve = trainee.protocol.curve(scores)
            # S at each U: the curve runs from small to large U.
            of_seeds.append(np.interp(unseen, curve.unseen, curve.seen, right=0.0))
            for kind, bonus in (("uncalibrated", 0.0), ("calibrated", factor)):
                raised = np.asarray(calibrated(scores, bonus, is_seen))
                numbers[kind].append(trainee.protocol.score(GZSL(), raised))
        curves[name] = np.mean(of_seeds, 0)
        for kind, found in numbers.items():
            mean = {number: float(np.mean([n[number] for n in found])) for number in ("U", "S", "H", "AUSUC")}
            spread = {f"{k} std": round(float(np.std([n[k] for n in found])), 2) for k in ("U", "S", "H", "AUSUC")}
            marks[name, kind] = mean
            values[name, kind] = [n["H"] for n in found]
            bonus = factor if kind == "calibrated" else 0.0
            rounded = {number: round(value, 2) for number, value in mean.items()}
            rows.append({"base": name, "scores": kind, "factor": round(bonus, 4), **rounded, **spread})

    claim = compared([(values[name, "calibrated"], values[name, "uncalibrated"]) for name in setting.bases])
    words = "; ".join(
        f"{name}: {paired(values[name, 'calibrated'], values[name, 'uncalibrated'])}" for name in setting.bases
    )

    def draw(figure):
        axes = figure.subplots()
        for place, (name, curve) in enumerate(curves.items()):
            area = marks[name, "calibrated"]["AUSUC"]
            axes.plot(unseen_axis, 100 * curve, color=COLOURS[place], label=f"{name}, area {area:.1f} %")
            for kind, marker in (("uncalibrated", "o"), ("calibrated", "*")):
                point = marks[name, kind]
                label = f"{kind}, H {point['H']:.1f} %"
                axes.plot(point["U"], point["S"], marker, color=COLOURS[place], markersize=9, label=label)
        axes.set_xlabel("accuracy of unseen classes, U (%)")
        axes.set_ylabel("accuracy of seen classes, S (%)")
        axes.set_xlim(0, 1.05 * max(unseen_axis[curve > 0].max() for curve in curves.values()))
        axes.set_ylim(0, 102)
        figure.legend(ncols=len(curves), loc="outside lower center", frameon=False, fontsize="small")

    unseen_axis = 100 * np.linspace(0, 1, _POINTS)
    return Finding(
        "What does calibrated stacking gain in the generalized task? (HAS, eq. 9)",
        f"That a factor chosen on validation classes raises H {claim} ({words}).",
        rows,
        draw,
        (f"setting: inductive; {setting.epochs} epochs; curves are means over seeds at equal U",),
        ("base", "scores", "factor", "U", "S", "H", "H std", "AUSUC"),
    )
