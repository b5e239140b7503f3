"""Attention maps and adversarial samples as a report shows them, of a method whose answers are known."""

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from jzsl.report.attribute_charts import attribute_charts, distinctive
from jzsl.report.pictures import RIGHT, WRONG
from jzsl.types import ClassTable

SEMANTICS = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]])


def attention(predictor, x):
    """The map of attribute a is a in all places, and the image's first pixel in the first place."""
    maps = jnp.broadcast_to(jnp.arange(4.0), (len(x), 2, 3, 4))
    return maps.at[:, 0, 0].set(x[:, 0, 0].astype(jnp.float32))


def perturb(predictor, x, y):
    return jnp.clip(x / 255 + predictor * (y[:, None, None, None] + 1), 0, 1)


def logits(predictor, x, candidates):
    """Everything is class 0."""
    return jnp.zeros((len(x), len(candidates))).at[:, 0].set(1)


@pytest.fixture
def run() -> Any:
    method = SimpleNamespace(attention=attention, perturb=perturb, logits=logits)
    seen = np.array([True, True, False])
    model = SimpleNamespace(
        classes=ClassTable(SEMANTICS, seen), predictor=np.float32(0.01), transform=lambda x, observed: x
    )
    return SimpleNamespace(
        result={"seeds": [0]}, method=method, model=model, unseen=np.array([2]), class_names=("cat", "dog", "emu")
    )


@pytest.fixture
def problem() -> Any:
    images = np.full((12, 4, 6, 1), 100, np.uint8)
    images[:, 0, 0, 0] = np.arange(12)
    return SimpleNamespace(
        samples=images,
        labels=np.repeat(np.arange(3), 4),
        image=None,
        provenance=SimpleNamespace(attributes=("furry", "barks at night and day", "tail", "feathers")),
        splits=SimpleNamespace(train=np.arange(8)),
    )


def panels_of(chart):
    figure = Figure()
    chart.draw(figure)
    return figure.axes


def test_the_attributes_that_distinguish_each_class_over_its_sample_of_median_hardness(run, problem):
    charts = attribute_charts(run, problem, [8, 0, 9, 4, 10, 5, 11])
    assert [chart.name for chart in charts] == ["attention", "perturbed"]
    panels = panels_of(charts[0])
    assert len(panels) == 3 * 4
    # The unseen class comes first; samples 8, 9, 10, 11 are its, and 10 is the third of four.
    assert [panels[row].get_ylabel() for row in (0, 4, 8)] == ["emu", "cat", "dog"]
    assert np.asarray(panels[0].images[0].get_array())[0, 0] == 10
    assert panels[1].get_title() == "feathers"
    assert panels[9].get_title() == "barks at night\nand day"
    overlay = panels[9].images[1]
    np.testing.assert_array_equal(np.asarray(overlay.get_array()), [[5, 1, 1], [1, 1, 1]])
    assert tuple(overlay.get_extent()) == (-0.5, 5.5, 3.5, -0.5)


def test_perturbed_training_images_and_their_scaled_difference(run, problem):
    panels = panels_of(attribute_charts(run, problem, [8])[-1])
    assert [panels[row].get_ylabel() for row in (0, 3)] == ["cat", "dog"]
    before, after, difference = (np.asarray(axes.images[0].get_array(), int) for axes in panels[3:6])
    assert before[1, 1] == 100
    assert after[1, 1] == round(100 + 255 * 0.02)
    assert difference[1, 1] == 255  # the largest change of all
    cat = np.asarray(panels[2].images[0].get_array())
    assert cat[1, 1] == round(255 * 0.75)  # half of it
    assert [panels[number].get_xlabel() for number in (3, 4, 5)] == ["cat", "cat", ""]
    assert panels[3].xaxis.label.get_color() == WRONG  # a dog
    for cat_panel in panels[:2]:
        right = cat_panel.get_xlabel() == "cat"
        assert cat_panel.xaxis.label.get_color() == (RIGHT if right else WRONG)


def test_methods_without_maps_or_perturbation_have_no_such_charts(run, problem):
    run.method.attention = run.method.perturb = None
    assert attribute_charts(run, problem, [8]) == []


def test_distinctive_attributes_exceed_the_mean_of_classes_most():
    assert distinctive(SEMANTICS, 1, 2).tolist() == [1, 2]
    shifted = SEMANTICS + np.array([5.0, 0.0, 0.0, 0.0])  # what all classes have distinguishes none
    assert distinctive(shifted, 1, 2).tolist() == [1, 2]
