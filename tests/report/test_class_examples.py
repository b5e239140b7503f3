"""Pictures of every class from the easiest to the hardest sample, framed by whether they are recognised."""

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jzsl.report.class_examples import class_examples
from jzsl.report.pictures import RIGHT, WRONG
from tests.report.stand_ins import image_run


def drawn(ranked):
    run, problem = image_run()
    figure = Figure()
    chart = class_examples(run, problem, ranked)
    chart.draw(figure)
    return chart, problem, [axes for axes in figure.axes if axes.images]


def test_equally_spaced_ranks_with_frames_and_names_of_wrong_classes():
    ranked = [(sample, "cat", "cat" if sample < 9 else "dog") for sample in range(11)] + [(11, "dog", "dog")]
    _, problem, panels = drawn(ranked)
    # The class of the lowest accuracy comes first.
    assert len(panels) == 7
    for axes, sample in zip(panels[:6], (0, 2, 4, 6, 8, 10), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), problem.samples[sample, ..., 0])
        colour = to_hex(axes.spines["left"].get_edgecolor()).upper()
        assert colour == (RIGHT if sample < 9 else WRONG)
        assert axes.get_xlabel() == ("" if sample < 9 else "dog")
    assert panels[0].get_ylabel() == "cat\n82 %"
    assert panels[6].get_ylabel() == "dog\n100 %"


def test_of_many_classes_the_worst_and_the_best():
    ranked = [(sample, f"c{sample:02}", f"c{sample:02}" if sample > 6 else "x") for sample in range(20)]
    chart, _, panels = drawn(ranked)
    shown = [axes.get_ylabel().split("\n")[0] for axes in panels]
    assert shown == [f"c{number:02}" for number in (0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19)]
    assert "The 6 classes of the lowest and of the highest accuracy." in chart.caption
