"""The study of clusterings, on classes that are far apart and on the digits."""

import dataclasses

import numpy as np
import pytest

from jzsl.data.digits import Digits
from jzsl.methods.eszsl import ESZSL
from jzsl.problem.transforms import Unscaled
from jzsl.studies.clustering_rivals import CLUSTERERS, clustering_rivals
from jzsl.studies.study import StudySetup


@pytest.mark.parametrize("name", CLUSTERERS)
def test_classes_that_are_far_apart_are_found(random, name):
    truth = np.repeat(np.arange(3), 20)
    x = (random.normal(size=(60, 4)) + 20 * np.eye(4)[truth]).astype(np.float32)
    label = CLUSTERERS[name](x, 3, 0)
    assert len({(one, other) for one, other in zip(truth, label, strict=True)}) == 3


def test_the_study_scores_the_samples_of_unseen_classes():
    problem = Digits().load()
    setup = StudySetup(problem, {"eszsl": ESZSL()}, Unscaled(), 1, 2)
    result = clustering_rivals(setup)
    assert [row["clustering"] for row in result.rows] == [name for name in CLUSTERERS for _ in range(3)]
    assert all(0 <= row["mean (%)"] <= 100 for row in result.rows)
    assert f"{len(problem.splits.test_unseen)} samples of unseen classes, 3 clusters" in result.notes[0]
    shuffled = dataclasses.replace(setup, problem=dataclasses.replace(problem, class_names=tuple("jihgfedcba")))
    assert clustering_rivals(shuffled).rows == result.rows
