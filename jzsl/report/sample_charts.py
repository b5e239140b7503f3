"""Charts about rows: real beside generated features, and the hardest and easiest of the test rows."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from jzsl.hardness.angular import angles, avh
from jzsl.problem.problem import Problem
from jzsl.report.chart import Chart
from jzsl.report.evidence import Evidence
from jzsl.report.figures import COLOURS

_ROWS_OF_CLASS = 60
_COLOURED = 7
_MARKS = ("o", "^", "s", "D", "v", "P", "X")
_SHOWN = 8


class RankedRow(NamedTuple):
    """A test row with its hardness: AVH of the predicted class, or one minus the softmax confidence in it."""

    row: int
    hardness: float
    truth: str
    predicted: str


def sample_charts(evidence: Evidence, tsne: bool) -> list[Chart]:
    """What the data and the method allow; without the data, nothing."""
    if evidence.problem is None:
        return []
    charts = []
    method = evidence.experiment.method.build(evidence.task)
    if method.sample is not None and len(evidence.unseen):
        charts.append(_features(evidence, evidence.problem, method.sample, tsne))
    if evidence.problem.image is not None and not evidence.of(evidence.task)[0].ranked:
        charts.append(_thumbnails(evidence, evidence.problem, evidence.problem.image))
    return charts


def _features(evidence: Evidence, problem: Problem, sample: Any, tsne: bool) -> Chart:
    """Equally many real and generated rows of each unseen class, embedded together."""
    generator = np.random.default_rng(0)
    test = problem.splits.test_unseen
    real = np.concatenate(
        [generator.permutation(test[problem.labels[test] == number])[:_ROWS_OF_CLASS] for number in evidence.unseen]
    )
    y = problem.labels[real]
    model = evidence.model
    observed = None if problem.observed is None else problem.observed[real]
    x = model.transform(problem.samples[real], observed)
    made = np.asarray(jax.jit(sample)(jax.random.key(0), model.state, model.classes.required_semantics[y]))
    both = np.concatenate([x, made])
    if tsne:
        places = TSNE(perplexity=min(30, (len(both) - 1) // 3), random_state=0).fit_transform(both)
        axis_names, words = ("t-SNE 1", "t-SNE 2"), "t-SNE of both together; distances between groups mean little."
    else:
        pca = PCA(2, random_state=0).fit(both)
        places = pca.transform(both)
        share = 100 * pca.explained_variance_ratio_
        axis_names = tuple(f"component {place + 1} ({value:.0f} %)" for place, value in enumerate(share))
        words = "Principal components of both together, with their share of the variance."
    counts = np.array([np.sum(problem.labels[test] == number) for number in evidence.unseen])
    coloured = evidence.unseen[np.argsort(-counts, kind="stable")][:_COLOURED]

    def draw(figure):
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, name, part in zip(panels, ("real", "generated"), np.split(places, 2), strict=True):
            rest = ~np.isin(y, coloured)
            axes.plot(*part[rest].T, ".", color="#999999", markersize=2.5, alpha=0.6)
            for place, number in enumerate(coloured):
                axes.plot(*part[y == number].T, _MARKS[place], color=COLOURS[place if place < 6 else 7], markersize=3.2,
                          alpha=0.75, label=evidence.class_names[number] if name == "real" else None)  # fmt: skip
            axes.set_title(name, fontsize="medium")
            axes.set_xlabel(axis_names[0])
        panels[0].set_ylabel(axis_names[1])
        figure.legend(loc="outside lower center", ncols=3, frameon=False, markerscale=1.6)

    others = f" Grey: {len(evidence.unseen) - _COLOURED} other classes." if len(evidence.unseen) > _COLOURED else ""
    caption = (
        f"{words} At most {_ROWS_OF_CLASS} rows of each unseen class, and as many generated, as the classifier is "
        f"given them; seed {evidence.result['seeds'][0]}.{others}"
    )
    return Chart("features", "Real and generated features of unseen classes", caption, draw, (4.9, 3.6))


def ranked_rows(evidence: Evidence) -> list[RankedRow]:
    """The test rows of the first task from easy to hard, by the model of the first seed; none without the data or all
    of their scores."""
    if evidence.problem is None or evidence.of(evidence.task)[0].ranked:
        return []
    found, model = evidence.of(evidence.task)[0], evidence.model
    candidates = found.candidates
    column = np.searchsorted(candidates, found.predicted, sorter=np.argsort(candidates))
    column = np.argsort(candidates)[column]
    hardness = _hardness(evidence, evidence.problem, column)
    return [
        RankedRow(
            int(found.rows[place]),
            float(hardness[place]),
            evidence.class_names[found.truth[place]],
            model.class_names[found.predicted[place]],
        )
        for place in np.argsort(hardness, kind="stable")
    ]


def hardness_name(evidence: Evidence) -> str:
    """How `ranked_rows` measures."""
    embeds = evidence.experiment.method.build(evidence.task).embedding is not None
    return "AVH" if embeds else "1 − confidence"


def _hardness(evidence: Evidence, problem: Problem, column: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    found, model = evidence.of(evidence.task)[0], evidence.model
    method = evidence.experiment.method.build(evidence.task)
    if method.embedding is None:
        return 1 - np.asarray(jax.nn.softmax(found.scores, 1)).max(1)
    observed = None if problem.observed is None else problem.observed[found.rows]
    x = model.transform(problem.samples[found.rows], observed)
    embedding = method.embedding(model.predictor, jax.numpy.asarray(x), jax.numpy.asarray(found.candidates))
    return np.asarray(avh(angles(embedding), jax.numpy.asarray(column, jax.numpy.int32)))


def _thumbnails(evidence: Evidence, problem: Problem, image: tuple[int, int]) -> Chart:
    ranked = ranked_rows(evidence)
    groups = (("easiest", ranked[:_SHOWN]), ("hardest", ranked[-_SHOWN:][::-1]))

    def draw(figure):
        panels = figure.subplots(4, _SHOWN // 2)
        for number, (name, rows) in enumerate(groups):
            for place, row in enumerate(rows):
                axes = panels[2 * number + place // (_SHOWN // 2), place % (_SHOWN // 2)]
                axes.imshow(problem.samples[row.row].reshape(image), cmap="gray_r", interpolation="nearest")
                right = row.truth == row.predicted
                words = row.truth if right else f"{row.truth} taken for {row.predicted}"
                axes.set_title(words, fontsize="small", color=COLOURS[0] if right else COLOURS[5])
                if place == 0:
                    axes.set_ylabel(name, fontsize="medium")
            for axes in panels[2 * number : 2 * number + 2].ravel():
                axes.set_xticks([])
                axes.set_yticks([])
                axes.grid(visible=False)

    caption = (
        f"By {hardness_name(evidence)}, seed {evidence.result['seeds'][0]}; above each its class, blue where found."
    )
    return Chart("hardest-easiest", "Easiest and hardest test rows", caption, draw, (4.6, 4.9))
