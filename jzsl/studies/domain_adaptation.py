"""AVH paper, tables 3 and 4, fig. 6: which selection adapts best from a labelled to an unlabelled domain?

Columns: base, selection, source only and A (target accuracy before and after the rounds, %, means over seeds), std
(of A), right labels, AVH, confidence, norm (means over the samples selected in the first round, by the source model),
values (A, one per seed).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jzsl.errors import InputError
from jzsl.hardness.scores import Hardness, hardness
from jzsl.interfaces import MethodConfig
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
from jzsl.studies.runs import Runs
from jzsl.studies.study import Study, StudyResult, StudySetup, claim, compare, deviation
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

_BASELINES = ("CBST", "CRST")
_Curves = dict[tuple[str, str], Float[np.ndarray, "seeds rounds"]]


def domain_adaptation(setup: StudySetup) -> StudyResult:
    """Accuracy in the target domain after every round, and what the first round selects."""
    splits, origin = setup.problem.splits, setup.problem.provenance.origin
    if len(splits.test_unseen):
        raise InputError(
            f"{origin}: splits.test_unseen: {len(splits.test_unseen)} samples, expected none: both domains have the "
            "same classes"
        )
    curves: _Curves = {}
    rows: list[dict[str, Any]] = []
    for name, base in setup.bases.items():
        for variant, selection in _VARIANTS.items():
            setup.progress(f"{name}: {variant}")
            sths = STHS(setup.rounds, with_hard_classes(selection, setup.hard_class_fraction), PORTION, warm=True)
            curves[name, variant], first = _train(setup, base, sths)
            rows.append({"base": name, "selection": variant, **_columns(curves[name, variant], first)})
    differences = compare(
        {
            (name, baseline): (curves[name, "CBST+AVH"][:, -1].tolist(), curves[name, baseline][:, -1].tolist())
            for name in setup.bases
            for baseline in _BASELINES
        }
    )
    claims = ", ".join(
        f"that it beats {baseline} {claim(differences[name, baseline] for name in setup.bases)} "
        f"({'; '.join(f'{name}: {differences[name, baseline]}' for name in setup.bases)})"
        for baseline in _BASELINES
    )
    return StudyResult(
        f"Of CBST+AVH: {claims}. Source only {rows[0]['source only']:.1f} %.",
        rows,
        lambda figure: _draw(figure, setup, curves),
        (
            f"{setup.rounds} rounds of {setup.epochs} epochs, each continuing with the model of the one before, as in "
            f"CBST; {PORTION.first:.0%} of the target's samples, {PORTION.growth:.0%} more each round, at most "
            f"{PORTION.limit:.0%}",
            "right labels, AVH, confidence, norm: means over the samples of the first round, by the source model",
        ),
        ("base", "selection", "A", "std", "right labels", "AVH", "confidence", "norm"),
    )


def _train(
    setup: StudySetup, base: MethodConfig, sths: STHS
) -> tuple[Float[np.ndarray, "seeds rounds"], list[list[float]]]:
    """Target accuracy after every round, and for each seed what the first round selected."""
    runs = Runs(setup, base, (Adaptation(),), sths)
    embed = None if runs.method.embedding is None else jax.jit(runs.method.embedding)
    curves, first = [], []
    for seed in range(setup.seeds):
        accuracies, by_source = [], None
        for t, state in enumerate(runs.states(seed)):
            if t == 1 and by_source is not None:
                first.append(_selected(runs, state, by_source))
            if t == 0 and embed is not None:
                predictor, scores = runs.scored(state)
                embedding = embed(predictor, runs.x, runs.candidates)
                by_source = hardness(scores, embedding, jnp.argmax(scores, 1).astype(jnp.int32))
            accuracies.append(runs.metrics(state)["A"])
        curves.append(accuracies)
    return np.array(curves), first


def _selected(runs: Runs, state: Any, by_source: Hardness) -> list[float]:
    """Share of right labels and mean AVH, confidence and norm of the selected samples."""
    label, multiplicity = runs.pseudo_labels(state)
    right = label == runs.candidates[runs.truth]
    columns = (right, by_source.avh, -np.asarray(by_source.confidence), -np.asarray(by_source.norm))
    return [float(np.average(np.asarray(column), weights=multiplicity.astype(float))) for column in columns]


def _columns(curve: Float[np.ndarray, "seeds rounds"], first: list[list[float]]) -> dict[str, Any]:
    last = curve[:, -1]
    right, avh, confidence, norm = (float(mean) for mean in (np.mean(first, 0) if first else [np.nan] * 4))
    return {
        "source only": round(float(curve[:, 0].mean()), 2),
        "A": round(float(last.mean()), 2),
        "std": deviation(last.tolist()),
        "right labels": round(right, 3),
        "AVH": round(avh, 4),
        "confidence": round(confidence, 3),
        "norm": round(norm, 2),
        "values": " ".join(f"{value:.2f}" for value in last),
    }


def _draw(figure: Any, setup: StudySetup, curves: _Curves) -> None:
    panels = figure.subplots(1, len(setup.bases), squeeze=False)[0]
    styles = ("-", "--", ":")
    for axes, name in zip(panels, setup.bases, strict=True):
        for number, variant in enumerate(_VARIANTS):
            style, colour = styles[number // len(COLOURS)], COLOURS[number % len(COLOURS)]
            label = variant if axes is panels[0] else None
            axes.plot(curves[name, variant].mean(0), style, marker=".", color=colour, label=label)
        axes.set_xlabel("round (0: source model)")
        axes.set_ylabel("target accuracy, mean over classes (%)")
        axes.set_xticks(range(setup.rounds + 1))
        axes.set_title(name, fontsize="medium")
    figure.legend(ncols=5, loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "Which selection adapts best to another domain? (AVH, tables 3 and 4, fig. 6)",
    domain_adaptation,
    ("supervised",),
    20,
)
