"""Charts of samples: real beside generated features, and the easiest and hardest test samples as pictures."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from jzsl.hardness.angular import angles, avh
from jzsl.interfaces import SampleMethod
from jzsl.problem.problem import Problem
from jzsl.report.attribute_charts import attribute_charts
from jzsl.report.chart import Chart
from jzsl.report.class_examples import class_examples
from jzsl.report.figures import COLOURS
from jzsl.report.pictures import RIGHT, WRONG, draw_picture, picture_shape, without_axes
from jzsl.report.run_artifacts import RunArtifacts

_SAMPLES_OF_CLASS = 60
_COLOURED = 7
_MARKERS = ("o", "^", "s", "D", "v", "P", "X")
_SHOWN = 8
_BLOCK = 256
"""Samples that are embedded at a time."""


class RankedSample(NamedTuple):
    """A test sample with its hardness: AVH of the predicted class, or one minus the softmax confidence in it."""

    sample: int
    hardness: float
    truth: str
    predicted: str


def sample_charts(run: RunArtifacts, ranked: list[RankedSample], tsne: bool) -> list[Chart]:
    """What the data and the method allow; none without the data.

    Args:
        run: of which this is.
        ranked: its test samples, as `ranked_samples` orders them.
        tsne: embed features by t-SNE, else by principal components.
    """
    if run.problem is None:
        return []
    charts, sample = [], run.method.sample
    described = run.model.classes.semantics is not None and len(run.unseen) > 0
    if sample is not None and described and run.problem.samples.ndim == 2:
        charts.append(_features(run, run.problem, sample, tsne))
    if ranked and picture_shape(run.problem) is not None:
        charts.append(_thumbnails(run, run.problem, ranked))
        charts += attribute_charts(run, run.problem, [one.sample for one in ranked])
        charts.append(class_examples(run, run.problem, [(one.sample, one.truth, one.predicted) for one in ranked]))
    return charts


def _features(run: RunArtifacts, problem: Problem, sample: SampleMethod, tsne: bool) -> Chart:
    """Equally many real and generated samples of each unseen class, embedded together."""
    generator = np.random.default_rng(0)
    test = problem.splits.test_unseen
    real = np.concatenate(
        [generator.permutation(test[problem.labels[test] == number])[:_SAMPLES_OF_CLASS] for number in run.unseen]
    )
    y = problem.labels[real]
    semantics = jnp.asarray(run.model.classes.required_semantics)[y]
    generated = np.asarray(jax.jit(sample)(jax.random.key(0), jax.tree.map(jnp.asarray, run.model.state), semantics))
    both = np.concatenate([_transformed(run, problem, real), generated])
    if tsne:
        plane = TSNE(perplexity=min(30, (len(both) - 1) // 3), random_state=0).fit_transform(both)
        axis_names, words = ("t-SNE 1", "t-SNE 2"), "t-SNE of both together; distances between groups mean little."
    else:
        pca = PCA(2, random_state=0).fit(both)
        plane = pca.transform(both)
        shares = 100 * pca.explained_variance_ratio_
        axis_names = tuple(f"component {number} ({share:.0f} %)" for number, share in enumerate(shares, 1))
        words = "Principal components of both together, with their share of the variance."
    counts = np.array([np.sum(problem.labels[test] == number) for number in run.unseen])
    coloured = run.unseen[np.argsort(-counts, kind="stable")][:_COLOURED]

    def draw(figure):
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, name, part in zip(panels, ("real", "generated"), np.split(plane, 2), strict=True):
            rest = ~np.isin(y, coloured)
            axes.plot(*part[rest].T, ".", color="#999999", markersize=2.5, alpha=0.6)
            for index, number in enumerate(coloured):
                axes.plot(*part[y == number].T, _MARKERS[index], color=COLOURS[index if index < 6 else 7],
                          markersize=3.2, alpha=0.75,
                          label=run.class_names[number] if name == "real" else None)  # fmt: skip
            axes.set_title(name, fontsize="medium")
            axes.set_xlabel(axis_names[0])
        panels[0].set_ylabel(axis_names[1])
        figure.legend(loc="outside lower center", ncols=3, frameon=False, markerscale=1.6)

    others = f" Grey: {len(run.unseen) - _COLOURED} other classes." if len(run.unseen) > _COLOURED else ""
    caption = (
        f"{words} At most {_SAMPLES_OF_CLASS} samples of each unseen class, and as many generated for the "
        f"classifier; seed {run.result['seeds'][0]}.{others}"
    )
    return Chart("features", "Real and generated features of unseen classes", caption, draw, (4.9, 3.6))


def _transformed(run: RunArtifacts, problem: Problem, samples: Int[np.ndarray, " n"]) -> Shaped[np.ndarray, "n *s"]:
    observed = None if problem.observed is None else problem.observed[samples]
    return run.model.transform(problem.samples[samples], observed)


def ranked_samples(run: RunArtifacts) -> list[RankedSample]:
    """The test samples of the first task from easy to hard, by the model of the first seed; none without the data or
    all of their scores."""
    predictions = run.of_task(run.task)[0]
    if run.problem is None or predictions.ranked:
        return []
    hardness = _hardness(run, run.problem)
    return [
        RankedSample(
            int(predictions.samples[index]),
            float(hardness[index]),
            run.class_names[predictions.truth[index]],
            run.class_names[predictions.predicted[index]],
        )
        for index in np.argsort(hardness, kind="stable")
    ]


def hardness_name(run: RunArtifacts) -> str:
    """How `ranked_samples` measures."""
    return "AVH" if run.method.embedding is not None else "1 − confidence"


def _hardness(run: RunArtifacts, problem: Problem) -> Float[np.ndarray, " n"]:
    predictions, embedding = run.of_task(run.task)[0], run.method.embedding
    if embedding is None:
        return 1 - np.asarray(jax.nn.softmax(predictions.scores, 1)).max(1)
    predictor = jax.tree.map(jnp.asarray, run.model.predictor)
    candidates = jnp.asarray(predictions.candidates)

    @jax.jit
    def of_block(x, label):
        return avh(angles(embedding(predictor, x, candidates)), label)

    columns = predictions.scores.argmax(1).astype(np.int32)
    parts = []
    for start in range(0, len(columns), _BLOCK):
        block = slice(start, start + _BLOCK)
        parts.append(np.asarray(of_block(_transformed(run, problem, predictions.samples[block]), columns[block])))
    return np.concatenate(parts)


def _thumbnails(run: RunArtifacts, problem: Problem, ranked: list[RankedSample]) -> Chart:
    groups = (("easiest", ranked[:_SHOWN]), ("hardest", ranked[-_SHOWN:][::-1]))
    shape, width = picture_shape(problem), _SHOWN // 2

    def draw(figure):
        panels = figure.subplots(4, width)
        for number, (name, shown) in enumerate(groups):
            for index, ranked_sample in enumerate(shown):
                axes = panels[2 * number + index // width, index % width]
                draw_picture(axes, problem.samples[ranked_sample.sample].reshape(shape))
                right = ranked_sample.truth == ranked_sample.predicted
                words = ranked_sample.truth
                if not right:
                    words = f"{ranked_sample.truth} predicted\nas {ranked_sample.predicted}"
                axes.set_title(words, fontsize="small", color=RIGHT if right else WRONG)
                if index == 0:
                    axes.set_ylabel(name, fontsize="medium")
            for index, axes in enumerate(panels[2 * number : 2 * number + 2].ravel()):
                without_axes(axes, framed=index < len(shown))

    caption = (
        f"By {hardness_name(run)}, seed {run.result['seeds'][0]}. Above each sample its class: blue if predicted "
        "correctly, orange if not."
    )
    return Chart("hardest-easiest", "Easiest and hardest test samples", caption, draw, (4.6, 4.9))
