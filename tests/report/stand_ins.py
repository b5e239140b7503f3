"""What charts of pictures need of a run."""

from types import SimpleNamespace
from typing import Any

import numpy as np


def image_run() -> tuple[Any, Any]:
    """A run of one seed, and a problem of grey pictures."""
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 6, 1), dtype=np.uint8)
    return SimpleNamespace(result={"seeds": [0]}), SimpleNamespace(samples=images, image=None)
