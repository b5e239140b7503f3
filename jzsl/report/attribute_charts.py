"""Charts of attributes in images: where a method finds them, and the images that its training made harder."""

import textwrap
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from jzsl.problem.problem import Problem
from jzsl.report.chart import Chart
from jzsl.report.pictures import RIGHT, WRONG, draw_picture, picture_shape, without_axes
from jzsl.report.run_artifacts import RunArtifacts

_SAMPLES = 5
_ATTRIBUTES = 3
_WIDTH = 15
"""Letters in a line of an attribute's name."""


def attribute_charts(run: RunArtifacts, problem: Problem, ranked: Sequence[int]) -> list[Chart]:
    """The charts that the method allows.

    Args:
        run: of which this is.
        problem: its data; samples are pictures.
        ranked: test samples of the first task, easiest first.
    """
    method, charts = run.method, []
    if method.attention is not None and run.model.classes.semantics is not None:
        charts.append(_attention(run, problem, _one_of_each_class(problem.labels, np.asarray(ranked), run.unseen)))
    if method.perturb is not None:
        train = np.random.default_rng(0).permutation(problem.splits.train)
        charts.append(_perturbed(run, problem, _one_of_each_class(problem.labels, train, run.unseen)))
    return charts


def _one_of_each_class(
    labels: Int[np.ndarray, " n"], ranked: Int[np.ndarray, " m"], unseen: Int[np.ndarray, " u"]
) -> Int[np.ndarray, " s"]:
    """The sample of median rank of each of a few classes, unseen ones first."""
    classes = np.unique(labels[ranked])
    classes = classes[np.argsort(~np.isin(classes, unseen), kind="stable")][:_SAMPLES]
    of_class = [ranked[labels[ranked] == number] for number in classes]
    return np.array([samples[len(samples) // 2] for samples in of_class])


def _input(run: RunArtifacts, problem: Problem, chosen: Int[np.ndarray, " s"]) -> Shaped[np.ndarray, "s *x"]:
    return run.model.transform(problem.samples[chosen], None)


def distinctive(semantics: Float[np.ndarray, "c a"], number: int, count: int) -> Int[np.ndarray, " k"]:
    """The attributes in which a class exceeds the mean of all classes most, the largest first."""
    return np.argsort(-(semantics[number] - semantics.mean(0)), kind="stable")[:count]


def _attention(run: RunArtifacts, problem: Problem, chosen: Int[np.ndarray, " s"]) -> Chart:
    attend = run.method.attention
    assert attend is not None
    predictor = jax.tree.map(jnp.asarray, run.model.predictor)
    maps = np.asarray(jax.jit(attend)(predictor, _input(run, problem, chosen)))
    semantics = np.asarray(run.model.classes.semantics)
    names = problem.provenance.attributes or [f"attribute {number}" for number in range(semantics.shape[1])]
    shape = picture_shape(problem)
    count = min(_ATTRIBUTES, semantics.shape[1])

    def draw(figure):
        panels = figure.subplots(len(chosen), 1 + count, squeeze=False)
        for row, sample, of_sample in zip(panels, chosen, maps, strict=True):
            picture = problem.samples[sample].reshape(shape)
            number = problem.labels[sample]
            for axes in row:
                without_axes(axes, framed=False)
                draw_picture(axes, picture)
            row[0].set_ylabel(run.class_names[number], fontsize="small", rotation=0, ha="right", va="center")
            for axes, attribute in zip(row[1:], distinctive(semantics, int(number), count), strict=True):
                high, wide = picture.shape[:2]
                axes.imshow(
                    of_sample[..., attribute],
                    cmap="viridis",
                    alpha=0.55,
                    interpolation="bilinear",
                    extent=(-0.5, wide - 0.5, high - 0.5, -0.5),
                )
                axes.set_title(textwrap.fill(names[attribute], _WIDTH), fontsize="small")

    caption = (
        "Attention maps of the attributes in which each class exceeds the mean of all classes most, seed "
        f"{run.result['seeds'][0]}; each map on its own scale, yellow is most. One test sample of each "
        "class, of median hardness."
    )
    return Chart("attention", "Where attributes are found", caption, draw, (4.5, 0.5 + 1.2 * len(chosen)))


def _perturbed(run: RunArtifacts, problem: Problem, chosen: Int[np.ndarray, " s"]) -> Chart:
    perturb = run.method.perturb
    assert perturb is not None
    predictor, labels = jax.tree.map(jnp.asarray, run.model.predictor), problem.labels[chosen].astype(np.int32)
    x = _input(run, problem, chosen)
    after = np.asarray(jax.jit(perturb)(predictor, x, labels))
    before = x.astype(np.float32) / (255 if x.dtype == np.uint8 else 1)
    candidates = jnp.asarray(np.flatnonzero(run.model.classes.seen))
    logits = jax.jit(run.method.logits)
    predicted = [
        np.asarray(candidates)[np.asarray(logits(predictor, images, candidates)).argmax(1)]
        for images in (before, after)
    ]
    largest = max(float(np.abs(after - before).max()), 1e-6)
    shape = picture_shape(problem)

    def draw(figure):
        panels = figure.subplots(len(chosen), 3, squeeze=False)
        for row, number in zip(panels, range(len(chosen)), strict=True):
            difference = 0.5 + (after[number] - before[number]) / (2 * largest)
            for axes, picture in zip(row, (before[number], after[number], difference), strict=True):
                without_axes(axes, framed=False)
                draw_picture(axes, np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8).reshape(shape))
            row[0].set_ylabel(run.class_names[labels[number]], fontsize="small", rotation=0, ha="right", va="center")
            for axes, of_images in zip(row, predicted, strict=False):
                right = of_images[number] == labels[number]
                axes.set_xlabel(
                    run.class_names[of_images[number]], fontsize="small", color=RIGHT if right else WRONG, labelpad=1.5
                )
        for axes, name in zip(panels[0], ("image", "perturbed", "difference"), strict=True):
            axes.set_title(name, fontsize="small")

    caption = (
        f"Training samples of {len(chosen)} classes, perturbed as training does, seed {run.result['seeds'][0]}; below "
        "each the predicted class, blue if that is its own. Differences are scaled so that black and white are "
        f"{255 * largest:.1f} of 255 grey levels; grey is none."
    )
    return Chart("perturbed", "Adversarial samples", caption, draw, (4.5, 0.5 + 1.35 * len(chosen)))
