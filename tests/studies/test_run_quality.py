"""The study of label-free criteria: its criteria on names exchanged on purpose, its draws, and its table."""

from dataclasses import replace

import numpy as np
import pytest

from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.methods.committee import Committee
from jzsl.problem.transforms import MinMax
from jzsl.studies.catalogue import studies
from jzsl.studies.run_quality import CRITERIA, group_criteria, with_drawn_classes
from jzsl.studies.study import StudySetup

SOURCE = LinearGaussian(classes=30, unseen=4, samples_per_class=12)
OF_NAMES = [name for name in CRITERIA if name not in ("members' disagreement", "margin", "compactness")]


def criteria_of(exchange: bool) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    semantics = rng.normal(size=(40, 6))
    means = semantics / np.linalg.norm(semantics, axis=1, keepdims=True) @ rng.normal(size=(6, 20))
    y = np.repeat(np.arange(10), 12)
    x = means[30:][y] + 0.2 * rng.normal(size=(len(y), 20))
    column = np.select([y == 2, y == 7], [7, 2], y) if exchange else y
    return group_criteria(means[:30], semantics[:30], x, semantics[30:], column, np.eye(10)[column])


@pytest.mark.parametrize("criterion", OF_NAMES)
def test_criteria_of_names_are_largest_where_names_are_exchanged(criterion):
    values = criteria_of(exchange=True)[criterion]
    assert set(np.argsort(values)[-2:]) == {2, 7}


def test_compactness_does_not_see_exchanged_names():
    right, exchanged = criteria_of(exchange=False), criteria_of(exchange=True)
    np.testing.assert_allclose(np.sort(right["compactness"]), np.sort(exchanged["compactness"]))
    np.testing.assert_allclose(right["margin"], -1)


def test_criteria_of_a_single_group():
    rng = np.random.default_rng(0)
    means, semantics, x = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.normal(size=(5, 3))
    names, scores = rng.normal(size=(2, 2)), rng.normal(size=(5, 2))
    criteria = group_criteria(means, semantics, x, names, np.ones(5, int), scores)
    assert {len(values) for values in criteria.values()} == {1}
    assert criteria["exchange"] == -np.inf


def test_draws_are_of_seen_classes_and_take_no_test_sample():
    problem = SOURCE.load()
    parts = [with_drawn_classes(problem, seed) for seed in range(3)]
    for part in parts:
        assert len(part.unseen_classes) == 26 // 4
        assert np.isin(part.unseen_classes, problem.seen_classes).all()
        used = np.concatenate([part.splits.train, part.splits.test_unseen])
        assert np.isin(used, problem.splits.train).all()
    assert len({tuple(part.unseen_classes) for part in parts}) == 3


def test_study_answers_with_its_numbers():
    setup = StudySetup(SOURCE.load(), {"committee": Committee()}, MinMax(), 1, 3, rounds=1)
    result = studies()["run-quality"].run(setup)
    assert [row["criterion"] for row in result.rows] == list(CRITERIA)
    assert "here" in result.answer
    for row in result.rows:
        assert row["AUROC"] is None or row["AUROC low"] <= row["AUROC high"]
    with pytest.raises(InputError, match="3 or more"):
        studies()["run-quality"].run(replace(setup, seeds=2))
