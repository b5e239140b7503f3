"""Which connections of samples separate two moons? (low-supervision thesis, chapter 7, figure 2)

LSD-C with each of its similarities on points of the plane, and k-means. The figure has the classes, and for each
clustering what it makes of the points by the first seed; lines are the edges that the similarity draws between the
points themselves, as many for each. In training it connects the features of a minibatch, with its own number of edges.

Columns: base, clustering, ACC_pool (%, mean over seeds), std, values (one per seed), edges (between the points),
isolated (% of the points, without an edge), most edges (of a point).
"""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig
from jzsl.methods.k_means import KMeans
from jzsl.methods.lsd_c import LSDC
from jzsl.metrics.clustering import agreement
from jzsl.report.figures import COLOURS
from jzsl.studies.clustering_ablation import similarities
from jzsl.studies.clusters import LAST, Trials, Variant, only, shown_columns, without_labels
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare, seed_columns, verdict
from jzsl.tasks.clustering import Clustering
from jzsl.training.similarities.nearest_neighbours import NearestNeighbours
from jzsl.training.similarities.similarity import SimilarityConfig

K_MEANS = "k-means"
NEIGHBOURS = NearestNeighbours(4, counts_itself=False)
"""Drawn: 598 edges between 240 points, where the figure has 650. Training has the base's own similarity."""
Edges = Float[np.ndarray, "n n"]
Clusters = Int[np.ndarray, " n"]


def edges(base: LSDC, points: Float[np.ndarray, "n 2"]) -> dict[str, Edges]:
    """The adjacency matrix of points by each similarity, without loops; each has as many edges as `NEIGHBOURS`."""
    kinds: dict[str, Any] = similarities(base, len(points))
    neighbours = drawn(NEIGHBOURS, points)
    density = float(neighbours.sum() / (len(points) * (len(points) - 1)))
    closest = {name: replace(kind, threshold=None, density=density) for name, kind in kinds.items() if name != "kNN"}
    return {name: drawn(closest[name], points) if name in closest else neighbours for name in kinds}


def drawn(similarity: SimilarityConfig, points: Float[np.ndarray, "n 2"]) -> Edges:
    """The adjacency matrix of points without loops."""
    adjacency = np.array(similarity.build()(jnp.asarray(points), jnp.ones(len(points))))
    np.fill_diagonal(adjacency, 0)
    return adjacency


def two_moons(setup: StudySetup) -> StudyResult:
    """ACC_pool of LSD-C with each similarity, and of k-means."""
    setup = without_labels(setup)
    problem = setup.problem
    if problem.sample_shape != (2,):
        origin, shape = problem.provenance.origin, problem.sample_shape
        raise InputError(f"{origin}: samples of shape {shape}, expected points of the plane, such as two_moons")
    trials = Trials(setup, Clustering())
    values: dict[tuple[str, str], Seeds] = {}
    first: dict[tuple[str, str], Clusters] = {}
    graphs: dict[tuple[str, str], Edges] = {}
    points, truth = np.zeros((0, 2)), np.zeros(0, np.int64)
    for name, base in only(setup, LSDC).items():
        kinds = similarities(base, min(base.batch_size, len(problem.splits.unlabelled)))
        methods: dict[str, MethodConfig] = {K_MEANS: KMeans()}
        methods |= {kind: replace(base, similarity=similarity) for kind, similarity in kinds.items()}
        for kind, method in methods.items():
            setup.progress(f"{name}: {kind}")
            runs = trials.runs(Variant(method, () if kind == K_MEANS else setup.stages))
            points, truth = problem.samples[runs.samples], problem.labels[runs.samples]
            for seed in range(setup.seeds):
                (state,) = runs.states(seed)
                clusters = np.asarray(runs.scored(state)[1]).argmax(1)
                values.setdefault((name, kind), []).append(agreement(truth, clusters)["ACC"])
                first.setdefault((name, kind), clusters)
        graphs |= {(name, kind): graph for kind, graph in edges(base, points).items()}
    return _result(setup, values, graphs, first, points, truth)


def _result(
    setup: StudySetup,
    values: dict[tuple[str, str], Seeds],
    graphs: dict[tuple[str, str], Edges],
    first: dict[tuple[str, str], Clusters],
    points: Float[np.ndarray, "n 2"],
    truth: Int[np.ndarray, " n"],
) -> StudyResult:
    differences = compare({key: (acc, values[key[0], K_MEANS]) for key, acc in values.items() if key[1] != K_MEANS})
    better = " ".join(
        f"That LSD-C with {kind} is better than k-means {claim([difference])} ({name}: {difference})."
        for (name, kind), difference in differences.items()
    )
    largest = {key: int(graph.sum(1).max()) for key, graph in graphs.items()}
    isolated = {key: float(100 * np.mean(graph.sum(1) == 0)) for key, graph in graphs.items()}
    smallest = all(largest[name, "kNN"] < min(largest[name, "L2"], largest[name, "SNE"]) for name in setup.bases)
    every = all(isolated[name, "kNN"] == 0 for name in setup.bases)
    words = (
        f"{better} That nearest neighbours connect every point {verdict(every)}. That no point has as many edges by "
        f"them as the most connected one by L2 or SNE {verdict(smallest)}."
    )
    rows = [
        {
            "base": key[0],
            "clustering": key[1],
            **seed_columns(acc, "ACC_pool"),
            "edges": int(graphs[key].sum() / 2) if key in graphs else None,
            "isolated": round(isolated[key], 1) if key in graphs else None,
            "most edges": largest.get(key),
        }
        for key, acc in values.items()
    ]
    return StudyResult(
        words,
        rows,
        lambda figure: _draw(figure, values, graphs, first, points, truth),
        (f"{len(points)} points, {setup.problem.clusters} clusters; {setup.epochs} epochs; {LAST}",),
        shown_columns(rows, len(setup.bases)),
    )


def _draw(
    figure: Any,
    values: dict[tuple[str, str], Seeds],
    graphs: dict[tuple[str, str], Edges],
    first: dict[tuple[str, str], Clusters],
    points: Float[np.ndarray, "n 2"],
    truth: Int[np.ndarray, " n"],
) -> None:
    """Two rows of panels for each base: classes, k-means, and each similarity."""
    bases = list(dict.fromkeys(name for name, _ in values))
    figure.set_size_inches(8.5, 0.6 + 3.2 * len(bases))
    panels = figure.subplots(2 * len(bases), 3, squeeze=False, sharex=True, sharey=True).reshape(len(bases), 6)
    for of_base, name in zip(panels, bases, strict=True):
        _panel(of_base[0], points, truth, None, "classes" if len(bases) == 1 else f"{name}: classes")
        kinds = [kind for of, kind in values if of == name]
        for axes, kind in zip(of_base[1:], kinds, strict=True):
            key = (name, kind)
            _panel(axes, points, first[key], graphs.get(key), f"{kind}: ACC {values[key][0]:.1f} %")


def _panel(axes: Any, points: Float[np.ndarray, "n 2"], groups: Clusters, graph: Edges | None, title: str) -> None:
    if graph is not None:
        for one, other in np.argwhere(np.triu(graph)):
            axes.plot(*points[[one, other]].T, color="0.6", linewidth=0.4, zorder=1)
    axes.scatter(*points.T, s=8, c=[COLOURS[group % len(COLOURS)] for group in groups], zorder=2)
    axes.set_title(title, fontsize="medium")
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)


STUDY = Study(
    "Which connections of samples separate two moons? (Rebuffi et al., 2020, fig. 2)",
    two_moons,
    ("lsd_c_plane",),
    600,
    "two_moons",
    stages=True,
)
