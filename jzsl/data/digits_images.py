"""The embedded digits as images of one channel, for what learns from pixels."""

from dataclasses import dataclass, replace

import numpy as np

from jzsl.data.digits import Digits
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class DigitImages:
    """Handwritten digits as 8 x 8 images with stroke semantics; the splits are those of `Digits`."""

    unseen: tuple[int, ...] = Digits.unseen
    """digits without labelled samples; none for learning all ten with labels"""
    validation: tuple[int, ...] = Digits.validation
    """seen digits treated as unseen while settings are chosen"""

    def load(self) -> Problem:
        """The problem: uint8[n, 8, 8, 1], the 17 grey levels spread over 0 to 255 and rounded.

        Raises:
            InputError: as `Digits` does.
        """
        problem = Digits(self.unseen, self.validation).load()
        grey = np.rint(255 * problem.samples).astype(np.uint8)
        provenance = problem.provenance._replace(
            name="digits as images", features="8 x 8 grey images", origin="digits_images"
        )
        return replace(problem, samples=grey.reshape(-1, 8, 8, 1), provenance=provenance, image=None)
