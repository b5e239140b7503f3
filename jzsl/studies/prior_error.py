"""How far is each estimate of the class prior from the truth? (STHS, section 3.2, which does not report it)

Columns: base, group (the estimate), distance (total variation in percent, mean over seeds), std, values (one per seed).
"""

import numpy as np

from jzsl.report.figures import grouped_bars
from jzsl.self_training.clustering.pca_kmeans import PCAKMeans
from jzsl.self_training.clustering.tsne_mixture import TSNEMixture
from jzsl.self_training.priors.bbse import BBSE
from jzsl.self_training.priors.saerens import Saerens
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.selection.hard_classes import class_frequency
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, group_rows, verdict

PRIORS = {
    "uniform": Uniform(),
    **{
        f"3C ({reading}), {name}": ThreeC(reading, clustering)
        for reading in ("edges", "dominant")
        for name, clustering in {"t-SNE and mixture": TSNEMixture(), "PCA and k-means": PCAKMeans()}.items()
    },
    "Saerens": Saerens(),
    "BBSE": BBSE(),
}


def prior_error(setup: StudySetup) -> StudyResult:
    """Total-variation distance, in percent, of each estimate from the inductive base's predictions to the truth."""
    values: dict[tuple[str, str], Seeds] = {}
    notes: tuple[str, ...] = ()
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        notes = (*harness.notes, "clusterings are computed once, with as many clusters as unseen classes")
        truth = np.bincount(harness.truth, minlength=len(harness.candidates)) / len(harness.truth)
        setup.progress("clustering")
        generates = harness.method.sample is not None
        priors = {title: prior for title, prior in PRIORS.items() if generates or not prior.build().needs_generated}
        prepared = {title: harness.prepared(STHS(0, PNCFBS(prior=prior))).selection for title, prior in priors.items()}
        base_alone = STHS(0, PNCFBS(prior=BBSE())) if generates else STHS(0)
        for seed, rounds in enumerate(harness.self_train(base_alone)):
            setup.progress(f"{name}: seed {seed}")
            predictions, confusion = rounds[0]
            estimates = {"class frequency": class_frequency(predictions)}
            for title, prior in priors.items():
                estimates[title] = prior.build().estimate(prepared[title], predictions, confusion)
            for title, estimate in estimates.items():
                distance = 50 * float(np.abs(np.asarray(estimate) - truth).sum())
                values.setdefault((name, title), []).append(distance)
    titles = {name: [title for base, title in values if base == name] for name in setup.bases}
    best = {name: min(titles[name], key=lambda title, name=name: np.mean(values[name, title])) for name in titles}
    words = "; ".join(
        f"{name}: {best[name]} ({np.mean(values[name, best[name]]):.1f} %), a uniform prior "
        f"{np.mean(values[name, 'uniform']):.1f} %"
        for name in setup.bases
    )
    held = all(
        min(np.mean(values[name, title]) for title in titles[name] if title.startswith("3C"))
        < np.mean(values[name, "uniform"])
        for name in setup.bases
    )
    return StudyResult(
        f"That 3C is nearer than a uniform prior {verdict(held)}. Nearest, {words}.",
        group_rows(values, "distance"),
        lambda figure: grouped_bars(figure, values, "total-variation distance (%)"),
        notes,
    )


STUDY = Study("How far is each estimate of the class prior from the truth?", prior_error)
