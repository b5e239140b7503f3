"""Charts of a report: drawn once for files (PNG and SVG), once as SVG in the page's colours, with tooltips."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from jzsl.report.figures import STYLE, write_figure

SVG = "http://www.w3.org/2000/svg"
_INK = "#010203"
"""Stands for the page's text colour, which is another one on a dark screen."""
_TIP = "tip:"


class Chart(NamedTuple):
    """A figure with its words.

    Attributes:
        name: of its files.
        title: above it.
        caption: below it: what is shown, and of what.
        draw: fills a Matplotlib figure.
        size: in inches; small ones stay legible on a narrow screen.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Any], None]
    size: tuple[float, float] = (4.6, 3.3)


def tip(artist: Any, text: str) -> None:
    """Shows `text` when the pointer rests on the artist in a page."""
    artist.set_gid(_TIP + text)


def save_chart(chart: Chart, folder: Path) -> None:
    """NAME.png and NAME.svg, black on white."""
    write_figure(chart.draw, chart.title, folder / chart.name, chart.size)


def inline_svg(chart: Chart, prefix: str) -> str:
    """The chart as an element of a page.

    Args:
        chart: to draw.
        prefix: of the element's ids, which must not occur twice in a page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "legend.labelcolor")
    with mpl.rc_context({**STYLE, **dict.fromkeys(inks, _INK), "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=chart.size, layout="constrained")
        chart.draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(file.getvalue(), chart, prefix)


def _for_page(text: str, chart: Chart, prefix: str) -> str:
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(text)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        name = element.get("id", "")
        if name.startswith(_TIP):
            title = ElementTree.Element(f"{{{SVG}}}title")
            title.text = name.removeprefix(_TIP)
            element.insert(0, title)
            del element.attrib["id"]
        elif name:
            element.set("id", prefix + name)
    root.attrib.pop("height")  # the view box keeps the ratio
    root.set("width", "100%")
    root.set("role", "img")
    root.set("aria-label", chart.title)
    svg = ElementTree.tostring(root, encoding="unicode").replace(_INK, "currentColor")
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", svg)
