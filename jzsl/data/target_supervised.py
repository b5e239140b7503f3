"""An upper bound of domain adaptation: what labels in the target domain would give. It is no adaptation."""

from dataclasses import dataclass, replace

import numpy as np

from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.holdout import holdout_samples, validation_classes
from jzsl.data.source import SourceConfig
from jzsl.errors import InputError
from jzsl.problem.problem import Problem
from jzsl.problem.splits import NONE

WORDS = "upper bound, trained on labels of the target"
"""In the name of such a problem, and in tables."""


@dataclass(frozen=True)
class TargetSupervised:
    """A problem of two domains, trained on labelled samples of its target and tested on the others of these.

    Samples of the source domain are in no split. The name of the problem says that it is an upper bound.
    """

    data: SourceConfig = DigitShiftImages()
    """the two domains"""
    test: float = 0.5
    """share of each class's target samples to test on"""
    seed: int = 0
    """of the choice of these"""

    def load(self) -> Problem:
        """The problem.

        Raises:
            InputError: as the source does; or if the share is none, or the source has no target domain.
        """
        return target_supervised(self.data.load(), self.test, self.seed)


def target_supervised(problem: Problem, test: float = 0.5, seed: int = 0) -> Problem:
    """The problem whose training samples are target samples with their labels, its test samples the held-out ones.

    Args:
        problem: whose test samples are the target domain.
        test: share of each class's target samples to test on.
        seed: of the choice of these.

    Raises:
        InputError: if the share is none, or some target samples are of unseen classes.
    """
    if not 0 < test < 1:
        raise InputError(f"test: {test} found, expected a share between 0 and 1")
    splits, labels = problem.splits, problem.labels
    if not len(splits.test_seen) or len(splits.test_unseen):
        raise InputError(
            f"{problem.provenance.origin}: {len(splits.test_seen)} test samples of seen and {len(splits.test_unseen)} "
            "of unseen classes found, expected a target domain with the classes of the source"
        )
    held_out = holdout_samples(splits.test_seen, labels, test, seed=seed)
    train = np.setdiff1d(splits.test_seen, held_out)
    classes, _ = validation_classes(np.unique(labels[train]))
    validation = holdout_samples(train[~np.isin(labels[train], classes)], labels, 0.2, seed=1)
    kept = splits._replace(
        train=train,
        test_seen=held_out,
        validation_classes=classes,
        validation_seen=validation,
        unlabelled=NONE,
    )
    provenance = problem.provenance._replace(
        name=f"{problem.provenance.name} ({WORDS})",
        notes=(*problem.provenance.notes, f"{WORDS}: {1 - test:.0%} of its samples; source samples are not used"),
    )
    return replace(problem, splits=kept, provenance=provenance)
