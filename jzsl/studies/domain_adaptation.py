"""AVH paper, tables 3 and 4, fig. 6: which selection adapts best from a labelled to an unlabelled domain?

Columns: base, selection, source only and A (target accuracy before and after the rounds, %, means over seeds), std
(of A), right labels, AVH, confidence, norm (means over the samples selected in the first round, by the source model),
values (A, one per seed), rounds (A after each round, means over seeds), and the accuracy of each class after the last.

Two rows of each base are no self-training: the source model, and an upper bound that no adaptation is: the base trained
on labelled target samples, and tested on the others. Both are without AdaBN; but maps of frozen blocks that were made
with it (`FrozenMaps`) are the same for all rows.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jzsl.data.target_supervised import target_supervised
from jzsl.errors import InputError
from jzsl.hardness.scores import Hardness, hardness
from jzsl.interfaces import MethodConfig
from jzsl.report.figures import COLOURS
from jzsl.self_training.parts import SelectorConfig, name_of
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
_SOURCE, _UPPER = "source only", "upper bound (target labels)"
_Curves = dict[tuple[str, str], Float[np.ndarray, "seeds rounds"]]


class _Trained(NamedTuple):
    """Accuracy after every round (%), that of each class after the last by its name (%, means over seeds), and for each
    seed the means over the samples that the first round selects; empty where the base has no class weights."""

    curve: Float[np.ndarray, "seeds rounds"]
    classes: dict[str, float]
    first: list[list[float]]


def domain_adaptation(setup: StudySetup) -> StudyResult:
    """Accuracy in the target domain after every round, and what the first round selects."""
    splits, origin = setup.problem.splits, setup.problem.provenance.origin
    if len(splits.test_unseen):
        raise InputError(
            f"{origin}: splits.test_unseen: {len(splits.test_unseen)} samples, expected none: both domains have the "
            "same classes"
        )
    labelled_target = replace(setup, problem=target_supervised(setup.problem))
    curves: _Curves = {}
    rows: list[dict[str, Any]] = []
    sources: dict[str, float] = {}
    training = setup.self_training or STHS(schedule=PORTION, warm=True)
    for name, base in setup.bases.items():
        setup.progress(f"{name}: {_SOURCE}")
        bare = without_adabn(base)
        alone = _train(setup, bare, replace(training, rounds=0, refinement=None))
        sources[name] = float(alone.curve[:, 0].mean())
        rows.append({"base": name, "selection": _SOURCE, **_columns(alone, sources[name])})
        for variant, selection in _VARIANTS.items():
            setup.progress(f"{name}: {variant}")
            selection = with_hard_classes(selection, setup.hard_class_fraction)
            trained = _train(setup, base, replace(training, rounds=setup.rounds, selection=selection))
            curves[name, variant] = trained.curve
            rows.append({"base": name, "selection": variant, **_columns(trained, sources[name])})
        setup.progress(f"{name}: {_UPPER}")
        bound = _inductive(labelled_target, bare)
        rows.append({"base": name, "selection": _UPPER, **_columns(bound, sources[name])})
    return StudyResult(
        _answer(setup, curves, sources),
        rows,
        lambda figure: _draw(figure, setup, curves, sources),
        _notes(setup, training),
        ("base", "selection", "A", "std", "right labels", "AVH", "confidence", "norm"),
    )


def _answer(setup: StudySetup, curves: _Curves, sources: dict[str, float]) -> str:
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
    above = ", ".join(
        f"{_above(curves, name, only)} of {len(_VARIANTS)} ({name}, source only {only:.1f} %)"
        for name, only in sources.items()
    )
    return f"Of CBST+AVH: {claims}. Selections that end above the source model: {above}."


def _notes(setup: StudySetup, training: STHS) -> tuple[str, ...]:
    adapted = [name for name, base in setup.bases.items() if has_adabn(base)]
    return (
        f"{setup.rounds} rounds of {setup.epochs} epochs, each "
        + ("continuing with the model of the one before, as in CBST" if training.warm else "from scratch")
        + f"; {_words(training.schedule)}; refinement: {name_of(training.refinement)}",
        "right labels, AVH, confidence, norm: means over the samples of the first round, by the model before it",
        f"{_UPPER}: no adaptation; trained on half of the target's samples with labels, tested on the others",
        *(f"{name}: AdaBN; {_SOURCE} and {_UPPER} are without it" for name in adapted),
    )


def has_adabn(base: MethodConfig) -> bool:
    """Whether a method normalises the target domain by statistics of its own."""
    return getattr(base, "adabn", None) is not None


def without_adabn(base: MethodConfig) -> MethodConfig:
    """The same method, with the source's statistics for all samples."""
    bare: Any = base
    return replace(bare, adabn=None) if has_adabn(base) else base


def _above(curves: _Curves, name: str, source: float) -> int:
    """Selections whose mean accuracy ends above that of the source model."""
    return sum(float(curves[name, variant][:, -1].mean()) > source for variant in _VARIANTS)


def _words(schedule: Any) -> str:
    if not isinstance(schedule, PortionSchedule):
        return type(schedule).__name__
    return (
        f"{schedule.first:.0%} of the target's samples, {schedule.growth:.0%} more each round, at most "
        f"{schedule.limit:.0%}"
    )


def _inductive(setup: StudySetup, base: MethodConfig) -> _Trained:
    """Training on labelled samples alone."""
    runs = Runs(setup, base, (Adaptation(),))
    curve, classes = [], []
    for seed in range(setup.seeds):
        *_, state = runs.states(seed)
        curve.append([runs.metrics(state)["A"]])
        classes.append(runs.accuracies(state))
    return _Trained(np.array(curve), _by_name(setup, runs, classes), [])


def _train(setup: StudySetup, base: MethodConfig, sths: STHS) -> _Trained:
    """Self-training, from the source model on."""
    runs = Runs(setup, base, (Adaptation(),), sths)
    embed = None if runs.method.embedding is None else jax.jit(runs.method.embedding)
    curves, classes, first = [], [], []
    for seed in range(setup.seeds):
        accuracies, by_source, last = [], None, np.zeros(0)
        for t, state in enumerate(runs.states(seed)):
            if t == 1 and by_source is not None:
                first.append(_selected(runs, state, by_source))
            if t == 0 and embed is not None and sths.rounds:
                predictor, scores = runs.scored(state)
                embedding = embed(predictor, runs.x, runs.candidates)
                by_source = hardness(scores, embedding, jnp.argmax(scores, 1).astype(jnp.int32))
            accuracies.append(runs.metrics(state)["A"])
            last = runs.accuracies(state) if t == sths.rounds else last
        curves.append(accuracies)
        classes.append(last)
    return _Trained(np.array(curves), _by_name(setup, runs, classes), first)


def _by_name(setup: StudySetup, runs: Runs, classes: list[Float[np.ndarray, " k"]]) -> dict[str, float]:
    """The accuracy of each class, means over seeds."""
    names = [setup.problem.class_names[index] for index in runs.candidates]
    return dict(zip(names, np.mean(classes, 0).tolist(), strict=True))


def _selected(runs: Runs, state: Any, by_source: Hardness) -> list[float]:
    """Share of right labels and mean AVH, confidence and norm of the selected samples."""
    label, multiplicity = runs.pseudo_labels(state)
    right = label == runs.candidates[runs.truth]
    columns = (right, by_source.avh, -np.asarray(by_source.confidence), -np.asarray(by_source.norm))
    return [float(np.average(np.asarray(column), weights=multiplicity.astype(float))) for column in columns]


def _columns(trained: _Trained, source: float) -> dict[str, Any]:
    last, first = trained.curve[:, -1], trained.first
    right, avh, confidence, norm = (float(mean) for mean in (np.mean(first, 0) if first else [np.nan] * 4))
    return {
        "source only": round(source, 2),
        "A": round(float(last.mean()), 2),
        "std": deviation(last.tolist()),
        "right labels": round(right, 3),
        "AVH": round(avh, 4),
        "confidence": round(confidence, 3),
        "norm": round(norm, 2),
        "values": " ".join(f"{value:.2f}" for value in last),
        "rounds": " ".join(f"{value:.2f}" for value in trained.curve.mean(0)),
        **{f"A of {name}": round(value, 1) for name, value in trained.classes.items()},
    }


def _draw(figure: Any, setup: StudySetup, curves: _Curves, sources: dict[str, float]) -> None:
    panels = figure.subplots(1, len(setup.bases), squeeze=False)[0]
    styles = ("-", "--", ":")
    for axes, name in zip(panels, setup.bases, strict=True):
        for number, variant in enumerate(_VARIANTS):
            style, colour = styles[number // len(COLOURS)], COLOURS[number % len(COLOURS)]
            label = variant if axes is panels[0] else None
            axes.plot(curves[name, variant].mean(0), style, marker=".", color=colour, label=label)
        axes.axhline(sources[name], color="0.6", label=_SOURCE if axes is panels[0] else None)
        axes.set_xlabel("round (0: before self-training)")
        axes.set_ylabel("target accuracy, mean over classes (%)")
        axes.set_xticks(range(setup.rounds + 1))
        axes.set_title(name, fontsize="medium")
    figure.legend(ncols=5, loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "Which selection adapts best to another domain? (AVH, tables 3 and 4, fig. 6)",
    domain_adaptation,
    ("supervised",),
    20,
    self_training=("rounds", "selection", "schedule", "refinement", "warm", "average"),
)
