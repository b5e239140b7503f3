"""Examples of every class as pictures, from the easiest to the hardest, and what each was taken for."""

from collections.abc import Sequence

import numpy as np

from jzsl.problem.problem import Problem
from jzsl.report.chart import Chart
from jzsl.report.pictures import RIGHT, WRONG, draw_picture, picture_shape, without_axes
from jzsl.report.run_artifacts import RunArtifacts

_EXAMPLES = 6
_CLASSES = 12


def class_examples(run: RunArtifacts, problem: Problem, ranked: Sequence[tuple[int, str, str]]) -> Chart:
    """Equally spaced ranks of hardness in each class.

    Args:
        run: of which this is.
        problem: its data; samples are pictures.
        ranked: sample, class and predicted class of the test samples, easiest first.
    """
    of_class: dict[str, list[tuple[int, str]]] = {}
    for sample, truth, predicted in ranked:
        of_class.setdefault(truth, []).append((sample, predicted))
    accuracy = {
        name: float(np.mean([predicted == name for _, predicted in samples])) for name, samples in of_class.items()
    }
    by_accuracy = sorted(of_class, key=lambda name: (accuracy[name], name))
    half = _CLASSES // 2
    shown = by_accuracy if len(by_accuracy) <= _CLASSES else [*by_accuracy[:half], *by_accuracy[-half:]]
    shape = picture_shape(problem)

    def draw(figure):
        panels = figure.subplots(len(shown), _EXAMPLES, squeeze=False)
        for row, name in zip(panels, shown, strict=True):
            samples = of_class[name]
            count = min(_EXAMPLES, len(samples))
            ranks = np.unique(np.round(np.linspace(0, len(samples) - 1, count)).astype(int))
            for axes in row:
                without_axes(axes, framed=False)
            for axes, rank in zip(row, ranks, strict=False):
                sample, predicted = samples[rank]
                draw_picture(axes, problem.samples[sample].reshape(shape))
                axes.set_frame_on(True)
                for spine in axes.spines.values():
                    spine.set(visible=True, color=RIGHT if predicted == name else WRONG, linewidth=1.5)
                if predicted != name:
                    axes.set_xlabel(predicted, fontsize="small", color=WRONG, labelpad=1.5)
            row[0].set_ylabel(
                f"{name}\n{100 * accuracy[name]:.0f} %", fontsize="small", rotation=0, ha="right", va="center"
            )
        panels[0, 0].set_title("easiest", fontsize="small")
        panels[0, -1].set_title("hardest", fontsize="small")

    left_out = f" The {half} classes of the lowest and of the highest accuracy." if len(shown) < len(of_class) else ""
    caption = (
        f"Test samples at equally spaced ranks of hardness in their class, seed {run.result['seeds'][0]}. Frame: blue "
        f"if predicted correctly, orange if not; below it the predicted class.{left_out}"
    )
    return Chart("class-examples", "Examples of classes", caption, draw, (4.5, 0.4 + 0.82 * len(shown)))
