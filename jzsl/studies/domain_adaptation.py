"""AVH paper, section 5.1: self-training from a labelled to an unlabelled domain (tables 3 and 4, fig. 6)."""

from typing import Any

import numpy as np

from jzsl.devices.replicas import replica
from jzsl.errors import InputError
from jzsl.evaluation.views import domain_adaptation as view_of
from jzsl.hardness.scores import hardness
from jzsl.report.figures import COLOURS
from jzsl.self_training.parts import SelectorConfig
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.all import AllSamples
from jzsl.self_training.selection.cbst import CBST
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.selection.hard_classes import with_hard_classes
from jzsl.self_training.selection.pn_cfbs_avc import PNCFBSAVC
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.studies.experiments import experiment_of, self_trained
from jzsl.studies.study import Finding, Setting, compared, paired
from jzsl.tasks.adaptation import Adaptation

PORTION = PortionSchedule()
_VARIANTS: dict[str, SelectorConfig] = {
    "RS": RandomSampling(),
    "all": AllSamples(),
    "confidence": TopConfidence(),
    "CFBS": CFBS(),
    "CFBS-AVC": PNCFBSAVC(prior=Uniform()),
    "CBST": CBST(),
    "CBST+AVH": CBSTAVH(),
    "CRST, MRKLD": CRST(lrent=0.0),
    "CRST, LRENT": CRST(mrkld=0.0),
    "CRST": CRST(),
}


def domain_adaptation(setting: Setting) -> Finding:
    """Accuracy in the target domain after every round, and what the first round selects."""
    problem = setting.problem
    if len(problem.splits.test_unseen):
        raise InputError(
            f"{problem.provenance.origin}: splits.test_unseen: {len(problem.splits.test_unseen)} rows, expected none: "
            "both domains have the same classes"
        )
    view = view_of(problem, setting.scaling)
    truth = np.searchsorted(view.seen, problem.labels[Adaptation().queries(problem)])
    x = view.pool.x[view.labelled :]
    curves: dict[tuple[str, str], np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    for name, base in setting.bases.items():
        method = base.build(Adaptation())
        for variant, selection in _VARIANTS.items():
            setting.tell(f"{name}: {variant}")
            sths = STHS(setting.rounds, with_hard_classes(selection, setting.hard), PORTION, warm=True)
            of_seeds, first = [], []
            for rounds in self_trained(experiment_of(setting, base, (Adaptation(),), sths)):
                numbers, before = [], None
                for state, found in rounds:
                    if before is not None and len(numbers) == 1:
                        first.append(_selected(state, before, view.labelled, view.seen, truth))
                    if not numbers and method.embedding is not None:
                        predictor = method.predictor(replica(state.model, 0), view.pool, view.classes, view.unseen)
                        scores = method.logits(predictor, x, view.seen)
                        embedding = method.embedding(predictor, x, view.seen)
                        before = hardness(scores, embedding, np.asarray(scores).argmax(1).astype(np.int32))
                    numbers.append(found["A"])
                of_seeds.append(numbers)
            curves[name, variant] = np.array(of_seeds)
            last = curves[name, variant][:, -1]
            spread = round(float(np.std(last, ddof=1)), 2) if len(last) > 1 else 0.0
            means = np.mean(first, 0) if first else [np.nan] * 4
            rows.append(
                {
                    "base": name,
                    "selection": variant,
                    "source only": round(float(curves[name, variant][:, 0].mean()), 2),
                    "A": round(float(last.mean()), 2),
                    "std": spread,
                    "right labels": round(float(means[0]), 3),
                    "AVH": round(float(means[1]), 4),
                    "confidence": round(float(means[2]), 3),
                    "norm": round(float(means[3]), 2),
                    "values": " ".join(f"{value:.2f}" for value in last),
                }
            )

    def last_of(name: str, variant: str) -> list[float]:
        return curves[name, variant][:, -1].tolist()

    pairs = [(last_of(name, "CBST+AVH"), last_of(name, "CBST")) for name in setting.bases]
    against = [(last_of(name, "CBST+AVH"), last_of(name, "CRST")) for name in setting.bases]

    def draw(figure):
        panels = figure.subplots(1, len(setting.bases), squeeze=False)[0]
        styles = ("-", "--", ":")
        for axes, name in zip(panels, setting.bases, strict=True):
            for place, variant in enumerate(_VARIANTS):
                style, colour = styles[place // len(COLOURS)], COLOURS[place % len(COLOURS)]
                label = variant if axes is panels[0] else None
                axes.plot(curves[name, variant].mean(0), style, marker=".", color=colour, label=label)
            axes.set_xlabel("round (0: source model)")
            axes.set_ylabel("target accuracy, mean over classes (%)")
            axes.set_xticks(range(setting.rounds + 1))
            axes.set_title(name, fontsize="medium")
        figure.legend(ncols=5, loc="outside lower center", frameon=False, fontsize="small")

    return Finding(
        "Which selection adapts best to another domain? (AVH, tables 3 and 4, fig. 6)",
        f"That CBST+AVH beats CBST {compared(pairs)} ({paired(*pairs[0])}), that it beats CRST {compared(against)} "
        f"({paired(*against[0])}). Source only {curves[next(iter(curves))][:, 0].mean():.1f} %.",
        rows,
        draw,
        (
            f"{setting.rounds} rounds of {setting.epochs} epochs, each going on with the last one's model, as in CBST; "
            f"{PORTION.first:.0%} of the target's rows, {PORTION.growth:.0%} more each round, "
            f"at most {PORTION.limit:.0%}",
            "right labels, AVH, confidence, norm: means over the rows of the first round, by the source model",
        ),
        ("base", "selection", "A", "std", "right labels", "AVH", "confidence", "norm"),
    )


def _selected(state: Any, before: Any, labelled: int, seen: np.ndarray, truth: np.ndarray) -> list[float]:
    """Share of right labels and mean AVH, confidence and norm of the selected rows."""
    unlabelled = slice(labelled, labelled + len(truth))
    weight = np.asarray(state.w)[0, unlabelled].astype(float)
    right = np.asarray(state.y)[0, unlabelled] == seen[truth]
    columns = (right, before.avh, -np.asarray(before.confidence), -np.asarray(before.norm))
    return [float(np.average(np.asarray(column), weights=weight)) for column in columns]
