"""STHS, table 3: is hardness sampling better than random sampling, and than the alternatives?

Columns: base, group (selection and refinement), T1 after the last round (%, mean over seeds), std, values (one per
seed).
"""

import numpy as np

from jzsl.report.figures import horizontal_bars
from jzsl.self_training.parts import PriorConfig
from jzsl.self_training.priors.bbse import BBSE
from jzsl.self_training.priors.known import Known
from jzsl.self_training.priors.saerens import Saerens
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.refinement.spherical_kmeans import SphericalKMeans
from jzsl.self_training.selection.all import AllSamples
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, group_rows

_HARDNESS = ("CFBS", "PN-CFBS, 3C")


def sampling_ablation(setup: StudySetup) -> StudyResult:
    """T1 after self-training with each selection."""
    values: dict[tuple[str, str], Seeds] = {}
    notes: tuple[str, ...] = ()
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        notes = (
            *harness.notes,
            f"T = {setup.rounds}, K = {setup.hard_class_fraction:.0%} of the classes, {setup.epochs} epochs per "
            "round; 3C on t-SNE and a Gaussian mixture; mass: label propagation scaled to a uniform class prior; "
            "the true prior is not available in practice",
        )
        prior = np.bincount(harness.truth, minlength=len(harness.candidates)) / len(harness.truth)
        for variant, sths in _variants(setup.rounds, setup.hard_class_fraction, tuple(prior.tolist())).items():
            if sths.class_prior == "BBSE" and harness.method.sample is None:
                continue
            setup.progress(f"{name}: {variant}")
            values[name, variant] = [harness.t1(np.asarray(rounds[-1][0].label)) for rounds in harness.self_train(sths)]
    differences = compare(
        {(name, variant): (values[name, variant], values[name, "RS"]) for name in setup.bases for variant in _HARDNESS}
    )
    best = {name: max(_HARDNESS, key=lambda variant, name=name: np.mean(values[name, variant])) for name in setup.bases}
    held = claim(differences[name, best[name]] for name in setup.bases)
    words = "; ".join(
        f"{name}: CFBS {differences[name, 'CFBS']}, PN-CFBS {differences[name, 'PN-CFBS, 3C']}" for name in setup.bases
    )
    return StudyResult(
        f"That hardness sampling (the better of its two forms) beats random sampling {held}. Against RS, {words}.",
        group_rows(values, "T1"),
        lambda figure: horizontal_bars(figure, values, "T1 after the last round (%)"),
        notes,
    )


def _variants(rounds: int, hard: float, prior: tuple[float, ...]) -> dict[str, STHS]:
    """Self-training of each variant by name; `prior` is the true one."""

    def normalised(estimator: PriorConfig) -> STHS:
        return STHS(rounds, PNCFBS(hard, estimator))

    mass = LabelPropagation(mass=Uniform())
    return {
        "inductive": STHS(0),
        "label propagation": STHS(0, refinement=LabelPropagation()),
        "label propagation, mass": STHS(0, refinement=mass),
        "spherical k-means": STHS(0, refinement=SphericalKMeans()),
        "RS": STHS(rounds, RandomSampling()),
        "all": STHS(rounds, AllSamples()),
        "confidence": STHS(rounds, TopConfidence()),
        "CFBS": STHS(rounds, CFBS(hard)),
        "PN-CFBS, 3C": normalised(ThreeC()),
        "PN-CFBS, 3C dominant": normalised(ThreeC("dominant")),
        "PN-CFBS, Saerens": normalised(Saerens()),
        "PN-CFBS, BBSE": normalised(BBSE()),
        "PN-CFBS, true prior": normalised(Known(prior)),
        "RS on mass": STHS(rounds, RandomSampling(), refinement=mass),
        "confidence on mass": STHS(rounds, TopConfidence(), refinement=mass),
        "CFBS on mass": STHS(rounds, CFBS(hard), refinement=mass),
    }


STUDY = Study(
    "Is hardness sampling better than random sampling? (STHS, table 3)",
    sampling_ablation,
    self_training=("rounds", "selection", "refinement"),
)
