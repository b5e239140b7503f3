"""Sources: what they read, what they refuse, and the published files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from sklearn.datasets import load_digits

from jzsl.data.arrays import Arrays
from jzsl.data.digits import SEMANTICS, STROKES, Digits
from jzsl.data.digits_images import DigitImages
from jzsl.data.formats.arrays import read_entries
from jzsl.data.holdout import holdout_classes, holdout_samples, validation_classes
from jzsl.data.locate import locate
from jzsl.data.synthetic import LinearGaussian
from jzsl.data.xlsa17 import Xlsa17, read_splits
from jzsl.errors import InputError

NAMES = ["ant", "bée", "cat", "dog", "eel", "fox"]


def mat_files():
    """Six classes of five rows: train ant, bée; validation cat, dog; unseen eel, fox. The usual leak included."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, 7), 5)
    rows = np.arange(1, 31)
    of = {c: rows[labels == c] for c in range(1, 7)}
    test_seen = np.array([of[c][-1] for c in (1, 2, 3, 4)])
    features = {"features": random.uniform(size=(4, 30)).astype(np.float32), "labels": labels[:, None].astype(float)}
    splits = {
        "att": random.normal(size=(3, 6)),
        "original_att": random.normal(size=(3, 6)) * 100,
        "allclasses_names": np.array([[name] for name in NAMES], object),
        "trainval_loc": np.concatenate([of[c][:-1] for c in (1, 2, 3, 4)])[:, None],
        "test_seen_loc": test_seen[:, None],
        "test_unseen_loc": np.concatenate([of[5], of[6]])[:, None],
        "train_loc": np.concatenate([of[1], of[2]])[:, None],
        "val_loc": np.concatenate([of[3], of[4]])[:, None],
    }
    return features, splits


def write_v73(path: Path, arrays: dict):
    """As MATLAB writes -v7.3: dimensions reversed, cells as references to arrays of character codes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in arrays.items():
            if value.dtype == object:
                cells = np.empty(value.shape, h5py.ref_dtype)
                for place, text in np.ndenumerate(value):
                    codes = np.array([ord(letter) for letter in text], np.uint16)[None]
                    cells[place] = file.create_dataset(f"#refs#/{key}{place[0]}", data=codes.T).ref
                file.create_dataset(key, data=cells.T, dtype=h5py.ref_dtype)
            else:
                file.create_dataset(key, data=value.T)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))


WRITERS = {"classic": scipy.io.savemat, "v7.3": write_v73}


@pytest.fixture
def folder(tmp_path):
    def write(kind="classic", features=None, splits=None, drop=()):
        usual_features, usual_splits = mat_files()
        parts = {"res101": {**usual_features, **(features or {})}, "att_splits": {**usual_splits, **(splits or {})}}
        for name, arrays in parts.items():
            WRITERS[kind](tmp_path / f"{name}.mat", {k: v for k, v in arrays.items() if k not in drop})
        return tmp_path

    return write


@pytest.mark.parametrize("kind", WRITERS)
def test_xlsa17_folder(folder, kind):
    features, splits = mat_files()
    problem = Xlsa17(folder(kind)).load()
    np.testing.assert_array_equal(problem.samples, features["features"].T)
    np.testing.assert_array_equal(problem.labels, np.repeat(np.arange(6), 5))
    np.testing.assert_allclose(problem.required_semantics, splits["att"].T)
    assert problem.class_names == tuple(NAMES)
    np.testing.assert_array_equal(problem.splits.train, splits["trainval_loc"].ravel() - 1)
    np.testing.assert_array_equal(problem.splits.validation_classes, [2, 3])
    np.testing.assert_array_equal(problem.unseen_classes, [4, 5])
    assert set(problem.labels[problem.splits.validation_seen]) == {0, 1}
    assert any("4 samples" in note for note in problem.provenance.notes)
    raw = Xlsa17(folder(kind), semantics="original_att").load()
    np.testing.assert_allclose(raw.required_semantics, splits["original_att"].T)
    assert raw.hash != problem.hash


def test_both_kinds_of_mat_file_give_the_same_problem(folder):
    assert Xlsa17(folder("classic")).load().hash == Xlsa17(folder("v7.3")).load().hash


def test_no_test_sample_takes_part_in_validation(folder):
    problem = Xlsa17(folder()).load()
    inner = problem.validation()
    test = np.concatenate([problem.splits.test_seen, problem.splits.test_unseen])
    for rows in inner.splits[:3]:
        assert not len(np.intersect1d(rows, test))


@pytest.mark.parametrize("drop", [("allclasses_names",), ("train_loc", "val_loc"), ("original_att",), ("train_loc",)])
def test_optional_keys_may_be_missing(folder, drop):
    problem = Xlsa17(folder(drop=drop)).load()
    assert len(problem.class_names) == 6
    assert len(problem.splits.validation_classes)
    if "val_loc" in drop:
        assert any("validation classes" in note for note in problem.provenance.notes)


BAD = {
    "no features": ({"drop": ("features",)}, "res101.mat: features: missing"),
    "no labels": ({"drop": ("labels",)}, "res101.mat: labels: missing"),
    "no semantics": ({"drop": ("att",)}, "att_splits.mat: att: missing"),
    "no unseen rows": ({"drop": ("test_unseen_loc",)}, "att_splits.mat: test_unseen_loc: missing"),
    "labels and features disagree": ({"features": {"labels": np.ones((29, 1))}}, "features: shape"),
    "labels of fractions": ({"features": {"labels": np.full((30, 1), 1.5)}}, "labels: found fractions"),
    "label zero": ({"features": {"labels": np.zeros((30, 1))}}, "trainval_loc: sample 1 found, which has no label"),
    "label beyond the classes": ({"features": {"labels": np.full((30, 1), 9)}}, "label 9, expected 1 to 6"),
    "row zero": ({"splits": {"test_seen_loc": np.zeros((1, 1))}}, "test_seen_loc: sample 0"),
    "row beyond the end": ({"splits": {"trainval_loc": np.array([[31]])}}, "trainval_loc: sample 31"),
    "rows of fractions": ({"splits": {"trainval_loc": np.array([[1.5]])}}, "trainval_loc: found fractions"),
    "overlap": ({"splits": {"test_seen_loc": np.array([[1]])}}, "train and test_seen share 1 samples"),
    "text for numbers": ({"splits": {"att": np.array([["x"]], object)}}, "att_splits.mat: att:"),
    "numbers for text": ({"splits": {"allclasses_names": np.ones((6, 1))}}, "class_names"),
    "NaN": ({"features": {"features": np.full((4, 30), np.nan, np.float32)}}, "features: sample 0, feature 0 is nan"),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("case", BAD)
def test_bad_folder_is_refused_in_one_line(folder, kind, case):
    changes, culprit = BAD[case]
    with pytest.raises(InputError) as caught:
        Xlsa17(folder(kind, **changes)).load()
    if case != "numbers for text":
        assert culprit in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_foreign_file(tmp_path):
    with pytest.raises(InputError, match=r"root: .*none: no such folder"):
        Xlsa17(tmp_path / "none").load()
    with pytest.raises(InputError, match="no such file"):
        Xlsa17(tmp_path).load()
    for content in (b"", b"not a mat file", bytes(range(256)) * 8):
        (tmp_path / "res101.mat").write_bytes(content)
        with pytest.raises(InputError, match=r"res101\.mat: not a readable \.mat file"):
            Xlsa17(tmp_path).load()


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "classes", "train", "val", "leaked"),
    [
        ("AWA1", 50, 13460, 6372, 4958),
        ("AWA2", 50, 16187, 7340, 5882),
        ("SUN", 717, 9280, 1040, 2580),
        ("FLO", 102, 4705, 926, 1403),
        ("APY", 32, 4906, 1026, 0),
        ("CUB", 200, 4702, 2355, 1764),
    ],
)
def test_published_split_files(shared_data, name, classes, train, val, leaked):
    file = "sent_splits.mat" if name == "CUB" else "att_splits.mat"
    splits = read_splits(shared_data / "xlsa17_splits" / name / file)
    assert len(splits.semantics) == len(splits.class_names) == classes
    assert splits.train is not None
    assert splits.val is not None
    assert (len(splits.train), len(splits.val)) == (train, val)
    assert len(splits.trainval) == train + val
    assert any(f"held {leaked} samples" in note for note in splits.notes) == bool(leaked)
    assert ("classes are numbered" in str(splits.notes)) == (name == "FLO")


@pytest.mark.shared_data
def test_real_benchmark(shared_data):
    for splits, size in (("att_splits", 384), ("wordnet_splits", 59)):
        problem = Xlsa17(shared_data / "caltech101", "effnetlite0", splits).load()
        assert problem.samples.shape == (8242, 1280)
        assert problem.required_semantics.shape == (100, size)
        assert [len(rows) for rows in problem.splits[:3]] == [4721, 1181, 2340]
        assert (len(problem.seen_classes), len(problem.unseen_classes)) == (75, 25)
        assert len(problem.splits.validation_classes) == 15
        assert len(problem.validation().seen_classes) == 60


def test_plain_arrays_in_every_format(tmp_path, problem):
    s = problem.splits
    entries = {
        "features": problem.samples,
        "labels": problem.labels,
        "semantics": problem.required_semantics,
        "train": s.train,
        "test_seen": s.test_seen,
        "test_unseen": s.test_unseen,
        "validation_classes": s.validation_classes,
        "validation_seen": s.validation_seen,
        "class_names": np.array(problem.class_names),
    }
    np.savez(tmp_path / "a.npz", allow_pickle=False, **entries)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key, value in entries.items():
            file[key] = value.astype("S") if value.dtype.kind == "U" else value
    (tmp_path / "folder").mkdir()
    for key, value in entries.items():
        np.save(tmp_path / "folder" / f"{key}.npy", value)
    for name in ("a.npz", "a.h5", "folder"):
        assert Arrays(tmp_path / name).load().hash == problem.hash
    small = {k: v for k, v in entries.items() if k not in ("test_seen", "class_names") and "validation" not in k}
    np.savez(tmp_path / "b.npz", observed=problem.samples < 2, allow_pickle=False, **small)
    found = Arrays(tmp_path / "b.npz").load()
    assert len(found.splits.test_seen) == 0
    assert len(found.splits.validation_classes)
    assert found.observed is not None
    for key in ("features", "labels", "semantics", "train", "test_unseen"):
        np.savez(tmp_path / "c.npz", allow_pickle=False, **{k: v for k, v in small.items() if k != key})
        with pytest.raises(InputError, match=f"{key}: missing"):
            Arrays(tmp_path / "c.npz").load()
    np.savez(tmp_path / "c.npz", allow_pickle=False, **{**small, "labels": problem.labels * 1.0})
    with pytest.raises(InputError, match="labels: float64"):
        Arrays(tmp_path / "c.npz").load()
    np.savez(tmp_path / "c.npz", allow_pickle=False, **{**small, "train": np.array([10_000])})
    with pytest.raises(InputError, match="train"):
        Arrays(tmp_path / "c.npz").load()


def test_nothing_is_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "bomb.npy", np.array([Bomb()], object), allow_pickle=True)
    np.savez(tmp_path / "bomb.npz", allow_pickle=True, features=np.array([Bomb()], object))
    for name in ("bomb.npy", "bomb.npz"):
        with pytest.raises(InputError, match="not a readable"):
            read_entries(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_files_of_arrays_that_are_none(tmp_path):
    for name in ("a.npz", "a.h5", "a.npy"):
        (tmp_path / name).write_bytes(b"not that")
        with pytest.raises(InputError, match="not a readable"):
            read_entries(tmp_path / name)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="unknown kind"):
        read_entries(tmp_path / "a.txt")
    with pytest.raises(InputError, match="no such file"):
        read_entries(tmp_path / "none.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.npy files"):
        read_entries(tmp_path / "empty")


def test_digits():
    problem = Digits().load()
    assert problem.samples.shape == (1797, 64)
    assert (problem.samples.min(), problem.samples.max()) == (0, 1)
    np.testing.assert_array_equal(problem.unseen_classes, [3, 5, 6])
    assert SEMANTICS.shape == (10, len(STROKES))
    assert 15 <= len(STROKES) <= 20
    assert (SEMANTICS.min(), SEMANTICS.max()) == (0, 1)
    assert len(np.unique(SEMANTICS, axis=0)) == 10
    with pytest.raises(InputError, match="unseen"):
        Digits(unseen=(3, 12)).load()
    with pytest.raises(InputError, match="in unseen and in validation"):
        Digits(unseen=(3, 9)).load()


def test_digits_as_images_are_the_digits():
    features, images = Digits().load(), DigitImages().load()
    assert images.samples.shape == (1797, 8, 8, 1)
    assert images.samples.dtype == np.uint8
    levels = np.rint(np.arange(17) * 255 / 16).astype(int)
    grey = load_digits(return_X_y=True)[0].reshape(-1, 8, 8).astype(int)
    np.testing.assert_array_equal(images.samples[..., 0], levels[grey])
    np.testing.assert_array_equal(images.labels, features.labels)
    for one, two in zip(images.splits, features.splits, strict=True):
        np.testing.assert_array_equal(one, two)
    assert images.hash != features.hash
    assert len(DigitImages(unseen=(), validation=()).load().seen_classes) == 10


def test_linear_gaussian_has_the_covariance_it_claims():
    source = LinearGaussian(classes=3, unseen=1, samples_per_class=20_000, features=4, latents=2)
    problem, truth = source.load(), source.truth()
    x = problem.samples - truth.mean(problem.required_semantics)[problem.labels]
    tolerance = 5 * truth.covariance.max() * np.sqrt(2 / len(x))
    np.testing.assert_allclose(np.cov(x.T), truth.covariance, atol=tolerance)
    np.testing.assert_allclose(x.mean(0), 0, atol=tolerance)
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * truth.covariance)[1]
    likelihood = truth.log_likelihood(problem.samples, problem.required_semantics[problem.labels])
    np.testing.assert_allclose(likelihood.mean(), -entropy, atol=5 * likelihood.std() / np.sqrt(len(x)))


def test_holdout_takes_its_share_of_every_class(random):
    labels = random.integers(0, 5, 200)
    rows = random.permutation(200)[:150]
    held = holdout_samples(rows, labels, 0.2)
    assert set(held) <= set(rows)
    for label in range(5):
        count = (labels[rows] == label).sum()
        assert (labels[held] == label).sum() == round(0.2 * count)
    np.testing.assert_array_equal(held, holdout_samples(rows[::-1], labels, 0.2))
    assert len(holdout_samples(np.array([7]), labels, 0.5)) == 0


def test_validation_classes_are_at_least_two_or_none():
    for count in range(1, 40):
        seen = 3 * np.arange(count)
        classes, how = validation_classes(seen)
        np.testing.assert_array_equal(classes, holdout_classes(seen))
        assert set(classes) <= set(seen)
        assert len(classes) == (0 if count < 4 else max(2, round(count / 5)))
        assert count - len(classes) >= min(count, 2)
        assert ("none: there are" in how) == (not len(classes))
    few = LinearGaussian(classes=6, unseen=3, samples_per_class=5).load()
    assert not len(few.splits.validation_classes)
    assert "3 seen classes" in few.provenance.notes[0]
    with pytest.raises(InputError, match="validation_classes: none"):
        few.validation()
    assert len(LinearGaussian(classes=8, unseen=3, samples_per_class=5).load().validation().unseen_classes) == 2


def test_a_single_published_validation_class_is_replaced(folder):
    only = {"val_loc": np.arange(16, 20)[:, None], "train_loc": np.array([[1, 2, 6, 7, 11, 12]]).T}
    problem = Xlsa17(folder(splits=only)).load()
    assert len(problem.splits.validation_classes) == 2
    assert any("fewer than two validation classes" in note for note in problem.provenance.notes)


def image_entries(random):
    """Four classes of six images in two domains: 0 and 1 seen, 2 unseen, and unlabelled ones of class 3."""
    labels = np.repeat(np.arange(4), 6)
    labels[20:] = -1
    return {
        "images": random.integers(0, 256, (24, 5, 4, 3), np.uint8),
        "labels": labels,
        "train": np.arange(10),
        "test_seen": np.array([10, 11]),
        "test_unseen": np.arange(12, 18),
        "unlabelled": np.arange(18, 24),
        "domains": np.arange(24) % 2,
        "domain_names": np.array(["photo", "sketch"]),
    }


def test_images_without_semantics(tmp_path, random):
    entries = image_entries(random)
    np.savez(tmp_path / "a.npz", allow_pickle=False, **entries)
    (tmp_path / "folder").mkdir()
    for key, value in entries.items():
        np.save(tmp_path / "folder" / f"{key}.npy", value)
    problem = Arrays(tmp_path / "a.npz").load()
    assert problem.samples.dtype == np.uint8
    assert problem.sample_shape == (5, 4, 3)
    assert problem.semantics is None
    assert problem.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert problem.domain_names == ("photo", "sketch")
    np.testing.assert_array_equal(problem.splits.unlabelled, np.arange(18, 24))
    mapped = Arrays(tmp_path / "folder").load()
    assert mapped.hash == problem.hash
    assert isinstance(mapped.samples, np.memmap)
    with pytest.raises(InputError, match="semantics: none"):
        _ = problem.required_semantics
    for change, message in (
        ({"images": entries["images"] / 255}, "images: float64 found, expected uint8"),
        ({"features": np.ones((24, 2))}, "images: given beside features"),
        ({"images": entries["images"][..., 0]}, r"images: shape \(24, 5, 4\)"),
        ({"domains": entries["domains"] + 1}, "domains: sample 1 has domain 2, expected 0 to 1"),
        ({"observed": np.ones((24, 5, 4, 3), bool)}, "observed: given, but samples are images"),
        ({"unlabelled": np.arange(18, 23)}, "labels: sample 23 has label -1"),
    ):
        np.savez(tmp_path / "b.npz", allow_pickle=False, **{**entries, **change})
        with pytest.raises(InputError, match=message):
            Arrays(tmp_path / "b.npz").load()


def test_observed_entries_are_true_or_false(tmp_path, problem):
    s = problem.splits
    entries = {"features": problem.samples, "labels": problem.labels, "semantics": problem.semantics,
               "train": s.train, "test_unseen": s.test_unseen}  # fmt: skip
    observed = problem.samples < 2
    for kind in (bool, np.float32, np.uint8):
        np.savez(tmp_path / "a.npz", allow_pickle=False, observed=observed.astype(kind), **entries)
        np.testing.assert_array_equal(Arrays(tmp_path / "a.npz").load().observed, observed)
    for wrong, message in ((np.nan, "observed: nan found"), (0.5, "observed: 0.5 found"), ("yes", "observed: <U")):
        values = np.full(observed.shape, 1.0).astype(object)
        values[3, 2] = wrong
        values = values.astype(float) if not isinstance(wrong, str) else np.full(observed.shape, wrong)
        np.savez(tmp_path / "a.npz", allow_pickle=False, observed=values, **entries)
        with pytest.raises(InputError, match=message):
            Arrays(tmp_path / "a.npz").load()


@pytest.mark.parametrize("kind", WRITERS)
def test_complex_numbers_are_refused(folder, kind):
    values = np.ones((4, 30)) + 1j
    with pytest.raises(InputError, match="complex"):
        Xlsa17(folder(kind, features={"features": values})).load()


def test_sources_are_found_by_what_a_user_types(folder, tmp_path):
    assert isinstance(locate("digits"), Digits)
    assert isinstance(locate("synthetic"), LinearGaussian)
    assert locate("digits_images") == DigitImages()
    root = folder()
    assert locate(str(root)) == Xlsa17(root, "res101", "att_splits")
    (root / "res101.mat").rename(root / "mine.mat")
    assert locate(str(root)) == Xlsa17(root, "mine", "att_splits")
    (root / "other.mat").write_bytes((root / "mine.mat").read_bytes())
    with pytest.raises(InputError, match="--features"):
        locate(str(root))
    with pytest.raises(InputError, match="none of 'digits'"):
        locate(str(tmp_path / "none"))
