"""The embedded digits in two domains as images of one channel, for what learns from pixels."""

from dataclasses import dataclass, replace

import numpy as np

from jzsl.data.digits_shift import DigitsShift
from jzsl.problem.problem import Problem


@dataclass(frozen=True)
class DigitShiftImages:
    """Clean digits as the labelled source, changed ones as the target, as 8 x 8 images."""

    shift: DigitsShift = DigitsShift()
    """how the target's images differ, and which images are in it"""

    def load(self) -> Problem:
        """The problem of `DigitsShift`: uint8[n, 8, 8, 1], grey levels spread over 0 to 255 and rounded.

        Raises:
            InputError: as `DigitsShift` does.
        """
        problem = self.shift.load()
        grey = np.rint(255 * problem.samples).astype(np.uint8)
        provenance = problem.provenance._replace(
            name="digits as images, shifted", features="8 x 8 grey images", origin="digits_shift_images"
        )
        return replace(problem, samples=grey.reshape(-1, 8, 8, 1), provenance=provenance, image=None)
