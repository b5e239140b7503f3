"""Samples as pictures in a chart, at their true aspect."""

from typing import Any

import numpy as np
from jaxtyping import Shaped

from jzsl.problem.problem import Problem
from jzsl.report.figures import COLOURS

RIGHT, WRONG = COLOURS[0], COLOURS[5]
"""Colours of samples that are predicted correctly, and of others."""


def picture_shape(problem: Problem) -> tuple[int, ...] | None:
    """Of a sample as a picture (h, w) or (h, w, 3), where it is one."""
    shape = problem.samples.shape[1:]
    if len(shape) == 1:
        return problem.image
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape[:2] if shape[2] == 1 else shape
    return None


def draw_picture(axes: Any, picture: Shaped[np.ndarray, "h w *c"]) -> None:
    """Grey images of bytes from black (0) to white (255); grey features from white to black, over their range."""
    limits = {"vmin": 0, "vmax": 255} if picture.dtype == np.uint8 else {}
    if picture.ndim == 3:
        if picture.dtype != np.uint8:
            low, high = picture.min(), picture.max()
            picture = (picture - low) / max(high - low, np.finfo(np.float32).tiny)
        axes.imshow(picture, interpolation="nearest")
    else:
        axes.imshow(picture, cmap="gray" if limits else "gray_r", interpolation="nearest", **limits)


def without_axes(axes: Any, framed: bool = True) -> None:
    """Takes ticks and grid away, and the frame where nothing is to be shown."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.set_frame_on(framed)
