"""Charts of discovered clusters: their confusion with the true classes, or their sizes where these are unknown, their
most confident samples, neighbours."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jzsl.driver.predictions import TaskPredictions
from jzsl.metrics.clustering import assignment, contingency
from jzsl.problem.problem import Problem
from jzsl.report.chart import Chart
from jzsl.report.pictures import RIGHT, WRONG, draw_picture, picture_shape, without_axes
from jzsl.report.run_artifacts import RunArtifacts
from jzsl.types import UNLABELLED

_SHOWN = 8
"""Samples of a cluster."""
_CLUSTERS = 12
_NAMED = 40
_WRITTEN = 12
_BLOCK = 256
"""Samples that are embedded at a time."""


class DiscoveredCluster(NamedTuple):
    """A cluster of the first seed in the first task.

    Attributes:
        number: its class.
        partner: the true class that it is assigned to; None: none.
        members: its samples, as positions among the predictions, the most confident first.
    """

    number: int
    partner: int | None
    members: Int[np.ndarray, " m"]


def discovered_clusters(run: RunArtifacts) -> list[DiscoveredCluster]:
    """In the order of the true classes that they are assigned to; those without one last."""
    predictions = run.of_task(run.task)[0]
    clusters = np.setdiff1d(predictions.candidates, np.flatnonzero(run.model.classes.seen))
    new = np.setdiff1d(_classes(predictions), np.flatnonzero(run.model.classes.seen))
    partner, predicted = assignment(predictions.truth, predictions.predicted, new, clusters), predictions.predicted
    confidence = np.asarray(jax.nn.softmax(predictions.scores, 1)).max(1)
    discovered = []
    for number in clusters:
        members = np.flatnonzero(predicted == number)
        order = np.argsort(-confidence[members], kind="stable")
        discovered.append(DiscoveredCluster(int(number), partner.get(int(number)), members[order]))
    return sorted(discovered, key=lambda one: (one.partner is None, one.partner or 0, one.number))


def cluster_charts(run: RunArtifacts) -> list[Chart]:
    """Of the first seed, for each seed has clusters of its own; pictures where the samples are some."""
    discovered = discovered_clusters(run)
    charts = [_confusion(run, discovered) if len(_classes(run.of_task(run.task)[0])) else _sizes(run, discovered)]
    if run.problem is not None and picture_shape(run.problem) is not None:
        charts += [_gallery(run, run.problem, discovered), _neighbours(run, run.problem, discovered)]
    return charts


def cluster_table(run: RunArtifacts) -> tuple[list[str], list[list[str | float]]]:
    """Headings and rows of the table of clusters; shares in percent, of the samples whose class is known."""
    predictions = run.of_task(run.task)[0]
    compared = len(_classes(predictions)) > 0
    rows: list[list[str | float]] = []
    for one in discovered_clusters(run):
        right = int(np.sum(predictions.truth[one.members] == one.partner)) if one.partner is not None else 0
        of_class = int(np.sum(predictions.truth == one.partner)) if one.partner is not None else 0
        known = int(np.sum(predictions.truth[one.members] != UNLABELLED))
        partner: list[str | float] = [
            "–" if one.partner is None else run.class_names[one.partner],
            100 * right / max(1, known),
            100 * right / max(1, of_class),
        ]
        confident = ", ".join(str(sample) for sample in predictions.samples[one.members[:5]])
        rows.append([run.class_names[one.number], len(one.members), *(partner if compared else []), confident])
    of_partner = ["assigned to", "of this class", "share of the class"] if compared else []
    return ["cluster", "samples", *of_partner, "most confident samples"], rows


def _classes(predictions: TaskPredictions) -> Int[np.ndarray, " c"]:
    """The true classes of the samples, as far as they are known."""
    return np.unique(predictions.truth[predictions.truth != UNLABELLED])


def _sizes(run: RunArtifacts, discovered: list[DiscoveredCluster]) -> Chart:
    counts = [len(one.members) for one in discovered]
    names = [run.class_names[one.number] for one in discovered]

    def draw(figure):
        axes = figure.subplots()
        axes.bar(range(len(counts)), counts)
        if len(names) <= _NAMED:
            axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_xlabel("cluster")
        axes.set_ylabel("samples")

    caption = f"Samples of each cluster, seed {run.result['seeds'][0]}; their true classes are not known."
    return Chart("clusters-sizes", "Sizes of clusters", caption, draw, (4.6, 3.0))


def _confusion(run: RunArtifacts, discovered: list[DiscoveredCluster]) -> Chart:
    predictions = run.of_task(run.task)[0]
    classes, old = _classes(predictions), np.flatnonzero(run.model.classes.seen)
    columns = [*np.intersect1d(predictions.candidates, old).tolist(), *(one.number for one in discovered)]
    counts = contingency(predictions.truth, predictions.predicted, classes, np.sort(np.array(columns)))
    table = counts[np.searchsorted(np.sort(columns), columns)].T
    shares = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    names, others = ([run.class_names[number] for number in group] for group in (classes, columns))

    def draw(figure):
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        axes.grid(visible=False)
        if max(len(names), len(others)) <= _WRITTEN:
            for (row, column), value in np.ndenumerate(shares):
                ink = "black" if value > 50 else "white"
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=ink, fontsize="small")
        if len(names) <= _NAMED:
            axes.set_yticks(range(len(names)), names)
        if len(others) <= _NAMED:
            axes.set_xticks(range(len(others)), others, rotation=90)
        axes.set_xlabel("predicted as")
        axes.set_ylabel("true class")
        figure.colorbar(image, ax=axes, label="samples of the true class (%)", shrink=0.8)

    side = max(3.2, min(1.8 + 0.24 * len(names), 7.0))
    caption = (
        f"Share of each true class in each cluster, seed {run.result['seeds'][0]}; clusters in the order of the "
        "classes that they are assigned to, which training never used."
    )
    return Chart("clusters-confusion", "Clusters and true classes", caption, draw, (4.6 if side < 5 else 5.4, side))


def _gallery(run: RunArtifacts, problem: Problem, discovered: list[DiscoveredCluster]) -> Chart:
    rows = _largest(discovered)
    pictures = {one.number: one.members[:_SHOWN] for one in rows}
    caption = f"Seed {run.result['seeds'][0]}, confidence by the softmax of the scores.{_frames(run, rows, discovered)}"
    return _pictures(run, problem, rows, pictures, "cluster-gallery", "Most confident samples per cluster", caption, ())


def _neighbours(run: RunArtifacts, problem: Problem, discovered: list[DiscoveredCluster]) -> Chart:
    predictions = run.of_task(run.task)[0]
    rows = _largest(discovered)
    points = embedded(run, problem, predictions)
    pictures = {}
    for one in rows:
        distance = np.linalg.norm(points - points[one.members[0]], axis=1)
        distance[one.members[0]] = -1
        pictures[one.number] = np.argsort(distance, kind="stable")[:_SHOWN]
    caption = (
        "On the left the most confident sample of each cluster, then the samples that are nearest to it, of any "
        f"cluster. Seed {run.result['seeds'][0]}.{_frames(run, rows, discovered)}"
    )
    title = "Nearest neighbours of the most confident sample"
    return _pictures(run, problem, rows, pictures, "cluster-neighbours", title, caption, ("sample", "nearest"))


def embedded(run: RunArtifacts, problem: Problem, predictions: TaskPredictions) -> Float[np.ndarray, "n e"]:
    """The samples in the space in which the method compares them with clusters, where it has one; else as they are."""
    observed = None if problem.observed is None else problem.observed[predictions.samples]
    x = run.model.transform(problem.samples[predictions.samples], observed)
    embedding = run.method.embedding
    if embedding is None:
        return x.reshape(len(x), -1).astype(np.float32)
    predictor: Any = jax.tree.map(jnp.asarray, run.model.predictor)
    candidates = jnp.asarray(predictions.candidates)
    of_block = jax.jit(lambda block: embedding(predictor, block, candidates).x)
    return np.concatenate([np.asarray(of_block(x[start : start + _BLOCK])) for start in range(0, len(x), _BLOCK)])


def _largest(discovered: list[DiscoveredCluster]) -> list[DiscoveredCluster]:
    """The clusters with samples, of many the largest ones, in the same order."""
    kept = {one.number for one in sorted(discovered, key=lambda one: -len(one.members))[:_CLUSTERS]}
    return [one for one in discovered if one.number in kept and len(one.members)]


def _frames(run: RunArtifacts, rows: list[DiscoveredCluster], discovered: list[DiscoveredCluster]) -> str:
    left_out = f" The {len(rows)} largest of {len(discovered)} clusters." if len(rows) < len(discovered) else ""
    if not len(_classes(run.of_task(run.task)[0])):
        return left_out
    return (
        " Below each cluster's name the class that it is assigned to. Frame: blue for samples of this class, orange "
        f"for others, none where the class is not known.{left_out}"
    )


def _pictures(
    run: RunArtifacts,
    problem: Problem,
    rows: list[DiscoveredCluster],
    pictures: dict[int, Int[np.ndarray, " s"]],
    name: str,
    title: str,
    caption: str,
    headings: tuple[str, ...],
) -> Chart:
    """A row of samples per cluster, framed by whether they are of its class where that is known."""
    predictions, shape = run.of_task(run.task)[0], picture_shape(problem)

    def draw(figure):
        panels = figure.subplots(len(rows), _SHOWN, squeeze=False)
        for row, one in zip(panels, rows, strict=True):
            for axes in row:
                without_axes(axes, framed=False)
            for axes, position in zip(row, pictures[one.number], strict=False):
                draw_picture(axes, problem.samples[predictions.samples[position]].reshape(shape))
                if predictions.truth[position] == UNLABELLED:
                    continue
                axes.set_frame_on(True)
                right = predictions.truth[position] == one.partner
                for spine in axes.spines.values():
                    spine.set(visible=True, color=RIGHT if right else WRONG, linewidth=1.5)
            stands = "" if one.partner is None else f"\n→ {run.class_names[one.partner]}"
            row[0].set_ylabel(
                f"{run.class_names[one.number]}{stands}", fontsize="small", rotation=0, ha="right", va="center"
            )
        for axes, heading in zip(panels[0], headings, strict=False):
            axes.set_title(heading, fontsize="small")

    return Chart(name, title, caption, draw, (4.8, 0.4 + 0.6 * len(rows)))
