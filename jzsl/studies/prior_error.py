"""How far is each estimate of the class prior from the truth? (STHS, section 3.2, which reports no such number)

Columns: base, group (the estimate), distance (total variation in percent, mean over seeds), std, values (one per seed).
"""

import jax.numpy as jnp
import numpy as np

from jzsl.report.figures import grouped_bars
from jzsl.self_training.priors.three_c import Clustering
from jzsl.self_training.selection.choice import Prior
from jzsl.self_training.selection.hardness import class_frequency
from jzsl.self_training.sths import STHS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, group_rows, verdict


def prior_error(setup: StudySetup) -> StudyResult:
    """Total-variation distance, in percent, of each estimate from the inductive base's predictions to the truth."""
    values: dict[tuple[str, str], Seeds] = {}
    notes: tuple[str, ...] = ()
    for name, base in setup.bases.items():
        harness = Harness(setup, base, unlabelled=True)
        notes = (*harness.notes, "clusterings are computed once, with as many clusters as unseen classes")
        truth = np.bincount(harness.truth, minlength=len(harness.candidates)) / len(harness.truth)
        setup.progress("clustering")
        clusters = {clustering: harness.clusters(clustering) for clustering in Clustering}
        for seed, rounds in enumerate(harness.self_train(STHS(0))):
            setup.progress(f"{name}: seed {seed}")
            predictions, confusion = rounds[0]
            estimates = {"class frequency": class_frequency(predictions)}
            for prior in Prior:
                if prior is Prior.known or (prior is Prior.bbse and harness.method.sample is None):
                    continue
                for clustering in Clustering if prior.needs_clusters else (Clustering.pca_kmeans,):
                    title = f"{prior.name}, {clustering.name}" if prior.needs_clusters else prior.name
                    estimates[title] = prior.value(predictions, jnp.int32(clusters[clustering]), confusion)
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
        min(np.mean(values[name, title]) for title in titles[name] if title.startswith("three_c"))
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
