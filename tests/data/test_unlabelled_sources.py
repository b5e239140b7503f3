"""Samples of unknown classes in every kind of source, and what becomes of them."""

import io

import numpy as np
import pytest
import scipy.io
from PIL import Image

from jzsl.data.arrays import Arrays
from jzsl.data.class_count.silhouette import Silhouette
from jzsl.data.clustered import Clustered
from jzsl.data.image_folder import ImageFolder
from jzsl.data.new_classes import NewClasses
from jzsl.data.xlsa17 import Xlsa17
from jzsl.errors import InputError
from jzsl.extraction.feature_folder import split_entries
from tests.data.test_sources import mat_files

UNKNOWN = np.arange(20, 30)


def arrays(path, **changes):
    """Thirty samples of which the last ten have no label."""
    x = np.random.default_rng(0).normal(size=(30, 3))
    labels = np.where(np.arange(30) < 20, np.arange(30) % 4, -1)
    entries = {"features": x, "labels": labels, "train": np.arange(16), "test_seen": np.arange(16, 20)} | changes
    np.savez(path, **{name: value for name, value in entries.items() if value is not None})
    return Arrays(path)


def test_arrays_without_some_labels(tmp_path):
    problem = arrays(tmp_path / "a.npz").load()
    np.testing.assert_array_equal(problem.unknown_samples, UNKNOWN)
    assert problem.semantics is None
    listed = arrays(tmp_path / "b.npz", unlabelled=UNKNOWN).load()
    assert listed.hash == problem.hash
    with pytest.raises(InputError, match="labels: sample 25 has label -1"):
        arrays(tmp_path / "c.npz", train=np.array([0, 1, 2, 3, 25])).load()
    with pytest.raises(
        InputError, match="sample 20 has label -2, expected the index of a class, from 0, or -1 for none"
    ):
        arrays(tmp_path / "c.npz", labels=np.where(np.arange(30) < 20, np.arange(30) % 4, -2)).load()
    with pytest.raises(InputError, match="labels: sample 20 has label -1, expected that of a class"):
        arrays(tmp_path / "c.npz", unlabelled=np.zeros(0, int)).load()
    with pytest.raises(InputError, match="labels: sample 0 has label -1, expected that of a class"):
        arrays(tmp_path / "c.npz", labels=np.full(30, -1)).load()
    with pytest.raises(InputError, match="train: expected a list of indices"):
        arrays(tmp_path / "c.npz", train=np.arange(16)[:, None]).load()
    with pytest.raises(InputError, match="test_unseen: missing; found features"):
        arrays(tmp_path / "c.npz", features=np.float64(1), labels=None, train=None, test_seen=None).load()
    with pytest.raises(InputError, match="train: missing"):
        arrays(tmp_path / "d.npz", train=None).load()


def test_arrays_without_any_label(tmp_path):
    everything = arrays(tmp_path / "a.npz", labels=None, train=None, test_seen=None)
    problem = everything.load()
    np.testing.assert_array_equal(problem.unknown_samples, np.arange(30))
    assert problem.class_names == ()
    scipy.io.savemat(tmp_path / "b.mat", {"features": problem.samples.T})
    assert Arrays(tmp_path / "b.mat").load().hash == problem.hash
    clustered = Clustered(everything, clusters=3).load()
    assert clustered.class_names == ("cluster-1", "cluster-2", "cluster-3")
    np.testing.assert_array_equal(clustered.splits.unlabelled, np.arange(30))
    assert Clustered(everything, clusters="estimated", estimator=Silhouette(most=6)).load().clusters <= 6
    with pytest.raises(InputError, match="no sample has a label, expected some old classes; the source Clustered"):
        NewClasses(everything, clusters=3).load()
    with pytest.raises(InputError, match=r"clusters: None found, expected a number .*: 30 samples have no label"):
        Clustered(everything).load()


def test_unknown_samples_are_of_new_classes(tmp_path):
    source = arrays(tmp_path / "a.npz")
    problem = NewClasses(source, clusters=2).load()
    np.testing.assert_array_equal(problem.splits.unlabelled, UNKNOWN)
    np.testing.assert_array_equal(problem.splits.train, np.arange(16))
    np.testing.assert_array_equal(problem.splits.test_seen, np.arange(16, 20))
    assert not len(problem.splits.test_unseen)
    assert problem.class_names == ("class 0", "class 1", "class 2", "class 3", "new-1", "new-2")
    assert "10 samples without a label are of new classes" in problem.provenance.notes
    named = NewClasses(source, new=("class 3",), clusters=2).load()
    assert set(named.splits.unlabelled) == {*UNKNOWN, *(index for index in range(16) if index % 4 == 3)}
    with pytest.raises(InputError, match=r"clusters: None found, expected a number .*: 10 samples have no label"):
        NewClasses(source).load()


def test_known_labels_of_unlabelled_samples_are_for_evaluation_alone(tmp_path):
    """Classes 0 to 2 have labelled samples; 20 to 23 are unlabelled ones of class 0, the rest of class 3."""
    labels = np.where(np.arange(30) < 20, np.arange(30) % 3, np.where(np.arange(30) < 24, 0, 3))
    source = arrays(tmp_path / "a.npz", labels=labels, unlabelled=UNKNOWN)
    problem = NewClasses(source, held_out=0).load()
    np.testing.assert_array_equal(problem.splits.train, np.arange(16))
    np.testing.assert_array_equal(problem.splits.unlabelled, np.arange(24, 30))
    assert "new classes: class 3" in problem.provenance.notes
    clustered = Clustered(source, held_out=0).load()
    np.testing.assert_array_equal(clustered.splits.unlabelled, np.r_[np.arange(16), UNKNOWN])
    assert clustered.clusters == 4


def test_a_label_of_zero_in_the_xlsa17_layout(tmp_path):
    features, splits = mat_files()
    for number, none in enumerate((0, -1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        labels = np.where(features["labels"] > 5, none, features["labels"])
        kept = splits["test_unseen_loc"][:5]
        scipy.io.savemat(folder / "res101.mat", {**features, "labels": labels})
        scipy.io.savemat(folder / "att_splits.mat", {**splits, "test_unseen_loc": kept})
        problem = Xlsa17(folder).load()
        np.testing.assert_array_equal(problem.unknown_samples, np.arange(25, 30))
        np.testing.assert_array_equal(problem.unseen_classes, [4])
        assert set(NewClasses(Xlsa17(folder), clusters=2, held_out=0).load().splits.unlabelled) == set(range(20, 30))


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 6), (number, 100, 200)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("top", ["", "train"])
def test_a_folder_of_pictures_without_labels(tmp_path, top):
    root = tmp_path / "photos"
    for number in range(30):
        folder = root / "unlabelled" / "session" if number >= 20 else root / top / f"class {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02}.png").write_bytes(picture(number))
    problem = ImageFolder(root).load()
    assert problem.class_names == ("class 0", "class 1")
    assert set(problem.samples[problem.unknown_samples, 0, 0, 0]) == set(range(20, 30))
    assert (len(problem.splits.train), len(problem.splits.test_seen)) == (16, 4)
    np.testing.assert_array_equal(problem.labels >= 0, problem.samples[:, 0, 0, 0] < 20)
    encoded = ImageFolder(root).encoded()
    listed = np.concatenate([np.ravel(split_entries(encoded)[f"{name}_loc"]) for name in ("trainval", "test_seen")])
    assert not set(listed - 1) & set(problem.unknown_samples)


@pytest.mark.parametrize("name", ["Unlabelled", "unlabeled", "train/unlabelled"])
def test_pictures_without_labels_are_no_class(tmp_path, name):
    for folder in ("train/cat" if "/" in name else "cat", name):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "0.png").write_bytes(picture(0))
    expected = f"{name}: a class folder found; expected another name or, .* {tmp_path}/unlabelled"
    with pytest.raises(InputError, match=expected):
        ImageFolder(tmp_path).load()


def test_an_empty_folder_of_pictures_without_labels(tmp_path):
    for folder in ("cat", "unlabelled"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cat" / "0.png").write_bytes(picture(0))
    with pytest.raises(InputError, match="unlabelled: no pictures found, expected some, of"):
        ImageFolder(tmp_path).load()


def test_pictures_without_any_label(tmp_path):
    (tmp_path / "unlabelled").mkdir()
    for number in range(6):
        (tmp_path / "unlabelled" / f"{number}.png").write_bytes(picture(number))
    problem = Clustered(ImageFolder(tmp_path), clusters=2).load()
    np.testing.assert_array_equal(problem.splits.unlabelled, np.arange(6))
    assert problem.class_names == ("cluster-1", "cluster-2")
