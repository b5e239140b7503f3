"""Frequencies from files: votes in CIFAR-10H's layout against a loop, and what is refused."""

import numpy as np
import pytest

from jzsl.data.digits_images import DigitImages
from jzsl.data.frequency import read_frequency
from jzsl.errors import InputError

PROBLEM = DigitImages(unseen=()).load()
TEST = np.sort(PROBLEM.splits.test_seen)


@pytest.fixture
def votes(random):
    """Counts, most of them for the true class."""
    counts = random.integers(0, 4, (len(TEST), 10))
    counts[np.arange(len(TEST)), PROBLEM.labels[TEST]] += 20
    return counts


def saved(folder, values):
    np.save(folder / "f.npy", values)
    return folder / "f.npy"


@pytest.mark.parametrize("shares", [False, True])
def test_votes_are_shares_of_the_true_class(tmp_path, votes, shares):
    values = votes / votes.sum(1, keepdims=True) if shares else votes
    frequencies = read_frequency(saved(tmp_path, values), PROBLEM)
    for row, sample in enumerate(TEST):
        assert frequencies[sample] == pytest.approx(votes[row, PROBLEM.labels[sample]] / sum(votes[row]))
    assert np.isnan(np.delete(frequencies, TEST)).all()


def test_votes_are_in_the_order_of_samples_where_classes_are_unseen(tmp_path):
    problem = DigitImages(unseen=(1, 2)).load()
    test = np.sort(np.concatenate([problem.splits.test_seen, problem.splits.test_unseen]))
    assert (np.diff(np.concatenate([problem.splits.test_seen, problem.splits.test_unseen])) < 0).any()
    counts = 99 * np.eye(10, dtype=int)[problem.labels[test]] + (np.arange(len(test)) % 50)[:, None]
    frequency = read_frequency(saved(tmp_path, counts), problem)
    np.testing.assert_allclose(frequency[test], (99 + np.arange(len(test)) % 50) / counts.sum(1))


def test_one_number_per_sample_stays(tmp_path, random):
    values = random.uniform(size=len(PROBLEM.samples))
    np.testing.assert_array_equal(read_frequency(saved(tmp_path, values), PROBLEM), values)


def test_other_files_are_refused(tmp_path, votes):
    wrong = {
        r"float64 of shape \(5,\) found, expected a .npy file of 1797 numbers": np.ones(5),
        rf"{len(TEST)} test samples x 10 classes": np.ones((len(TEST), 9)),
        r"sample 3: 1\.5 found": np.where(np.arange(len(PROBLEM.samples)) == 3, 1.5, 0.5),
        "row 2: .* expected votes": np.where(np.arange(len(TEST))[:, None] == 2, 0, votes),
        "row 4: .* expected votes": np.where(np.arange(len(TEST))[:, None] == 4, -1, votes),
        "row 1: .* expected votes": np.where(np.arange(len(TEST))[:, None] == 1, np.nan, votes),
        "in the order of the data's test samples": np.roll(votes, 1, axis=1),
        "bool of shape": np.ones(len(PROBLEM.samples), bool),
    }
    for message, values in wrong.items():
        with pytest.raises(InputError, match=message):
            read_frequency(saved(tmp_path, values), PROBLEM)
    np.save(tmp_path / "objects.npy", np.array([{}], object))
    with pytest.raises(InputError, match="not a readable"):
        read_frequency(tmp_path / "objects.npy", PROBLEM)
    (tmp_path / "f.txt").write_text("1")
    with pytest.raises(InputError, match="another kind of file found"):
        read_frequency(tmp_path / "f.txt", PROBLEM)
