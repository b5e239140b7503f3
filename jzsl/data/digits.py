"""The embedded default: scikit-learn's handwritten digits with a table of stroke semantics.

1,797 images of 8 x 8 pixels (Alpaydin and Kaynak 1998), scaled from 0..16 to [0, 1]. Nothing is downloaded.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from jzsl.data.holdout import holdout_samples
from jzsl.errors import InputError
from jzsl.problem.problem import Backbone, Problem, Provenance, Splits

STROKES = (
    # Seven segments, as one writes the digit rather than as a display shows it.
    "top segment",
    "upper left segment",
    "upper right segment",
    "middle segment",
    "lower left segment",
    "lower right segment",
    "bottom segment",
    # Closed regions; the single hole of a nought reaches over both halves.
    "hole above",
    "hole below",
    # Where the outline is open.
    "open to the left above",
    "open to the left below",
    "open to the right above",
    "open to the right below",
    "open to the top",
    # What the pen does.
    "straight strokes",
    "diagonal strokes",
    "curved strokes",
    "left-right symmetry",
)
"""The columns of `SEMANTICS`."""

SEMANTICS = np.array(
    [
        #  top  ul   ur  mid   ll   lr  bot | holes    | open left | open right | top | str  diag  curv | sym
        [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.00, 0.00, 1.0, 1.00],  # 0
        [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.00, 0.25, 0.0, 0.75],  # 1
        [1.0, 0.0, 1.0, 0.5, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.50, 0.50, 0.5, 0.00],  # 2
        [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.00, 0.00, 1.0, 0.00],  # 3
        [0.0, 1.0, 0.5, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.00, 0.50, 0.0, 0.25],  # 4
        [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.50, 0.00, 0.5, 0.00],  # 5
        [0.5, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.00, 0.00, 1.0, 0.00],  # 6
        [1.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.5, 1.0, 0.0, 0.5, 0.0, 1.00, 1.00, 0.0, 0.00],  # 7
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.00, 0.00, 1.0, 1.00],  # 8
        [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.5, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.50, 0.00, 0.5, 0.00],  # 9
    ]
)
"""One row per digit, values in [0, 1]: how much of each stroke the digit has. Halves mark what some writers do."""


@dataclass(frozen=True)
class Digits:
    """Handwritten digits (8 x 8 pixels) with stroke semantics."""

    unseen: tuple[int, ...] = (3, 5, 6)
    """digits without labelled samples"""
    validation: tuple[int, ...] = (0, 9)
    """seen digits treated as unseen while settings are chosen; every stroke of 0 and 9 also occurs in the other seen
    digits"""

    def load(self) -> Problem:
        """The problem: 80 % of each seen digit's samples to train on, 20 % as test samples of seen classes.

        Raises:
            InputError: if `unseen` or `validation` are not disjoint sets of digits.
        """
        for field in ("unseen", "validation"):
            wrong = [digit for digit in getattr(self, field) if digit not in range(10)]
            if wrong:
                raise InputError(f"digits: {field}: {wrong[0]} found, expected digits from 0 to 9")
        shared = set(self.unseen) & set(self.validation)
        if shared:
            raise InputError(f"digits: {shared.pop()} is in unseen and in validation, expected in at most one of them")
        images, labels = load_digits(return_X_y=True)
        is_unseen = np.isin(labels, self.unseen)
        of_seen = np.flatnonzero(~is_unseen)
        test_seen = holdout_samples(of_seen, labels, 0.2, seed=0)
        train = np.setdiff1d(of_seen, test_seen)
        rest = train[~np.isin(labels[train], self.validation)]
        return Problem(
            samples=(images / 16).astype(np.float32),
            labels=labels.astype(np.int64),
            semantics=SEMANTICS,
            class_names=tuple(str(digit) for digit in range(10)),
            splits=Splits(
                train=train,
                test_seen=test_seen,
                test_unseen=np.flatnonzero(is_unseen),
                validation_classes=np.array(self.validation, np.int64),
                validation_seen=holdout_samples(rest, labels, 0.2, seed=1),
            ),
            provenance=Provenance(
                "digits", "8 x 8 pixels", "18 stroke semantics", "digits", backbone=Backbone.none, attributes=STROKES
            ),
            image=(8, 8),
        )
