"""Sources of pictures: folders, bytes in an .npz, and the xlsa17 layout with a folder of pictures."""

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from jzsl.cli import main
from jzsl.data.decoding import Storage, batches, decoded
from jzsl.data.encoded import PictureSource, size_of
from jzsl.data.formats.picture import Reading
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.image_folder import ImageFolder, pictures_in
from jzsl.data.image_splits import domain_split, image_splits
from jzsl.data.locate import locate
from jzsl.data.xlsa17_images import Xlsa17Images
from jzsl.errors import InputError
from jzsl.exchange import decode, encode
from jzsl.problem.splits import NONE
from tests.data.test_sources import mat_files


def solid(number: int, kind: str = "PNG", side: int = 6) -> bytes:
    """A picture whose red value is `number`."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (number, 100, 200)).save(buffer, kind)
    return buffer.getvalue()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def numbers_of(samples: np.ndarray) -> list[int]:
    """The red values by which the pictures were numbered."""
    return samples[:, 0, 0, 0].tolist()


@pytest.fixture
def photos(tmp_path) -> Path:
    """Five classes of ten pictures; picture number 10 c + i belongs to class c."""
    for number in range(50):
        write(tmp_path / "photos" / f"class {'edcba'[number // 10]}" / f"{number % 10:03}.PNG", solid(number))
    return tmp_path / "photos"


def test_class_folders(photos):
    problem = ImageFolder(photos).load()
    assert problem.class_names == ("class a", "class b", "class c", "class d", "class e")
    assert problem.samples.shape == (50, 6, 6, 3)
    assert problem.samples.dtype == np.uint8
    reds = np.array(numbers_of(problem.samples))
    np.testing.assert_array_equal(problem.labels, 4 - reds // 10)
    splits = problem.splits
    assert (len(splits.train), len(splits.test_seen), len(splits.test_unseen)) == (40, 10, 0)
    np.testing.assert_array_equal(np.bincount(problem.labels[splits.test_seen]), [2] * 5)
    assert len(splits.validation_classes) == 2
    assert problem.semantics is None
    assert ImageFolder(photos).load().hash == problem.hash
    assert len(ImageFolder(photos, test=0.5).load().splits.test_seen) == 25
    sized = ImageFolder(photos, Reading(4, 5)).load()
    assert sized.samples.shape == (50, 4, 4, 3)
    assert any("shorter side 5" in note for note in sized.provenance.notes)


def test_pictures_lie_deeper_and_other_files_are_named(photos):
    write(photos / "class a" / "session 1" / "deep.webp", solid(99, "WEBP"))
    write(photos / "class a" / "notes.txt", b"x")
    write(photos / "loose.png", solid(1))
    write(photos / "class a" / ".DS_Store", b"x")
    write(photos / "class a" / "._000.PNG", b"x")
    (photos / "class e" / "again").symlink_to(photos / "class a")
    source = ImageFolder(photos).encoded()
    assert len(source.images.names) == 51
    assert "class a/session 1/deep.webp" in source.images.names
    left_out = next(note for note in source.provenance.notes if "left out" in note)
    assert "notes.txt and 2 more files" in left_out


def test_the_content_of_a_picture_counts_not_its_name(photos):
    write(photos / "class a" / "odd.png", solid(250, "JPEG"))
    problem = ImageFolder(photos).load()
    assert max(numbers_of(problem.samples)) == pytest.approx(250, abs=2)
    write(photos / "class a" / "text.jpg", b"not a picture")
    with pytest.raises(InputError, match=r"class a/text\.jpg: neither of these"):
        ImageFolder(photos).load()


MEMORY = """
import resource, sys
from pathlib import Path
from jzsl.data.decoding import decoded
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import pictures_in

images = pictures_in(Path(sys.argv[1]))
decoded(images._replace(names=images.names[:1]), Reading(16))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decoded(images, Reading(16))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_decoding_holds_few_pictures_at_a_time(tmp_path):
    """Thirty pictures of 12 MB each, 360 MB together, take less than a third: one per thread, and its copies."""
    content = io.BytesIO()
    Image.new("RGB", (2000, 2000), (1, 2, 3)).save(content, "PNG")
    for number in range(30):
        write(tmp_path / f"{number}.png", content.getvalue())
    root = Path(__file__).parents[2]
    command = f"import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:2])\n{MEMORY}"
    done = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert 1024 * int(done.stdout) < 120_000_000


def test_split_folders(tmp_path):
    for top, classes in (("train", "abcdef"), ("val", "abcdef"), ("test", "abcdefg")):
        for name in classes:
            for number in range(4):
                write(tmp_path / "photos" / top / name / f"{number}.png", solid(10 * (ord(name) - 97) + number))
    problem = ImageFolder(tmp_path / "photos").load()
    tops = [name.split("/")[0] for name in ImageFolder(tmp_path / "photos").encoded().images.names]
    assert {tops[index] for index in problem.splits.train} == {"train", "val"}
    assert {tops[index] for index in problem.splits.test_seen} == {"test"}
    assert {tops[index] for index in problem.splits.validation_seen} == {"val"}
    assert [problem.class_names[number] for number in problem.unseen_classes] == ["g"]
    assert (len(problem.splits.train), len(problem.splits.test_seen), len(problem.splits.test_unseen)) == (48, 24, 4)
    # Without `test`, `val` holds the test samples.
    (tmp_path / "photos" / "test").rename(tmp_path / "elsewhere")
    problem = ImageFolder(tmp_path / "photos").load()
    assert (len(problem.splits.train), len(problem.splits.test_seen)) == (24, 24)
    # A class may be called train; only split folders beside each other are splits.
    (tmp_path / "photos" / "plane").mkdir()
    assert ImageFolder(tmp_path / "photos").encoded().class_names == ("plane", "train", "val")


def test_unseen_classes_are_named_by_a_file(photos, tmp_path):
    (tmp_path / "unseen.txt").write_text("class b\n\nclass d\n")
    problem = ImageFolder(photos, unseen=tmp_path / "unseen.txt").load()
    np.testing.assert_array_equal(problem.unseen_classes, [1, 3])
    assert len(problem.splits.test_unseen) == 20
    assert (len(problem.splits.train), len(problem.splits.test_seen)) == (24, 6)
    (tmp_path / "unseen.txt").write_text("class b\nclass x\n")
    with pytest.raises(InputError, match="line 2: 'class x' is no class folder"):
        ImageFolder(photos, unseen=tmp_path / "unseen.txt").load()


def test_domains(tmp_path):
    for place, domain in enumerate(("photo", "sketch")):
        for number in range(20):
            write(tmp_path / domain / "abcd"[number // 5] / f"{number}.jpg", solid(100 * place + number, "JPEG"))
    both = ImageFolder(tmp_path, domains=True).load()
    assert both.domains is not None
    assert both.domain_names == ("photo", "sketch")
    np.testing.assert_array_equal(both.domains, np.repeat([0, 1], 20))
    assert len(both.class_names) == 4
    assert set(both.domains[both.splits.train]) == {0, 1}
    adapted = ImageFolder(tmp_path, domains=True, target="sketch").load()
    assert adapted.domains is not None
    assert set(adapted.domains[adapted.splits.train]) == {0}
    assert set(adapted.domains[adapted.splits.test_seen]) == {1}
    assert len(adapted.splits.test_seen) == 20
    with pytest.raises(InputError, match="target: 'clay' found, expected one of 'photo', 'sketch'"):
        ImageFolder(tmp_path, domains=True, target="clay").load()
    with pytest.raises(InputError, match=r"without `domains`"):
        ImageFolder(tmp_path, target="sketch").load()


def test_folders_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        ImageFolder(tmp_path / "none").load()
    write(tmp_path / "loose.png", solid(1))
    with pytest.raises(InputError, match="no pictures in class folders found, expected a folder per class"):
        ImageFolder(tmp_path).load()
    write(tmp_path / "deep" / "a.png", solid(1))
    with pytest.raises(InputError, match="expected a folder with class folders in it"):
        ImageFolder(tmp_path, domains=True).load()
    with pytest.raises(InputError, match=r"test: 1\.5 found, expected a share"):
        ImageFolder(tmp_path, test=1.5).load()


def test_every_broken_picture_is_named(photos, capsys):
    write(photos / "class b" / "003.PNG", b"")
    write(photos / "class c" / "007.PNG", solid(27)[:50])
    write(photos / "class d" / "001.PNG", solid(3, side=7))
    with pytest.raises(InputError) as caught:
        ImageFolder(photos).load()
    assert "class b/003.PNG: 0 bytes found" in str(caught.value)
    assert "(and 2 more pictures)" in str(caught.value)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "class b/003.PNG", "class c/007.PNG", "class d/001.PNG"
    ]  # fmt: skip
    assert "7 x 7 pixels" in caught.value.problems[2]
    assert "reading.size" in caught.value.problems[2]
    assert main(["data", "check", str(photos)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
    with pytest.raises(InputError, match="1 more pictures"):  # a size resizes the larger one
        ImageFolder(photos, Reading(6)).load()


def test_check_says_how_large_it_gets_before_it_decodes(photos, capsys, monkeypatch):
    monkeypatch.setattr("jzsl.data.encoded.decoded", lambda *_: pytest.fail("decoded"))
    assert size_of(ImageFolder(photos, Reading(224))) == ("50 pictures of 224 x 224 x 3: 7.5 MB decoded, in memory")
    where = size_of(ImageFolder(photos, Reading(224), Storage(memory_gb=0.005)))
    assert "7.5 MB decoded, in the file runs/pixels/" in where
    monkeypatch.undo()
    assert main(["data", "check", str(photos), "--size", "4", "--shorter", "5"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("50 pictures of 4 x 4 x 3: 0.0 MB decoded, in memory\n")
    assert "no problems found" in printed


def test_more_than_the_limit_is_mapped_from_a_file_that_is_used_again(photos, tmp_path, monkeypatch):
    storage = Storage(memory_gb=0, folder=tmp_path / "pixels")
    whole, mapped = ImageFolder(photos).load(), ImageFolder(photos, storage=storage).load()
    assert isinstance(mapped.samples, np.memmap)
    assert mapped.hash == whole.hash
    files = list((tmp_path / "pixels").iterdir())
    assert len(files) == 1
    with monkeypatch.context() as patch:
        patch.setattr("jzsl.data.decoding._fill", lambda *_: pytest.fail("decoded again"))
        assert ImageFolder(photos, storage=storage).load().hash == whole.hash
    # Another reading, other pictures, or a damaged file: decoded anew.
    assert ImageFolder(photos, Reading(4), storage).load().samples.shape == (50, 4, 4, 3)
    files[0].write_bytes(files[0].read_bytes()[:-40])
    assert ImageFolder(photos, storage=storage).load().hash == whole.hash
    first = photos / "class a" / "000.PNG"
    write(first, solid(200))
    os.utime(first, ns=(1, 1))
    assert ImageFolder(photos, storage=storage).load().hash == ImageFolder(photos).load().hash != whole.hash


def test_a_decoding_that_fails_leaves_no_file(photos, tmp_path):
    write(photos / "class b" / "003.PNG", b"")
    with pytest.raises(InputError, match="0 bytes"):
        ImageFolder(photos, storage=Storage(0, tmp_path / "pixels")).load()
    assert list((tmp_path / "pixels").iterdir()) == []


def test_pixels_that_no_disk_holds_are_refused(photos, tmp_path):
    with pytest.raises(InputError, match="GB of pixels, but the disk has"):
        decoded(pictures_in(photos), Reading(2**24), Storage(0, tmp_path / "pixels"))


def test_batches_are_the_pictures_in_their_order(photos):
    images = pictures_in(photos)
    order = [3, 1, 49, 0, 7]
    parts = list(batches(images, Reading(6), order, 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    every = decoded(images, Reading(6))
    np.testing.assert_array_equal(np.concatenate(parts), every[order])
    assert list(batches(images, Reading(6), [], 2)) == []


def bytes_entries() -> dict[str, np.ndarray]:
    files = [solid(number, ("PNG", "JPEG", "WEBP")[number % 3]) for number in range(30)]
    return {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.repeat(np.arange(6), 5).astype(np.int8),
        "class_names": np.array(["ant", "bée", "cat", "dog", "eel", "fox"]),
    }


def test_bytes_of_pictures(tmp_path):
    entries = bytes_entries()
    path = tmp_path / "images.npz"
    np.savez(path, allow_pickle=False, **entries)
    problem = ImageBytes(path).load()
    assert np.abs(np.array(numbers_of(problem.samples)) - np.arange(30)).max() <= 3  # of JPEG and WebP
    assert (len(problem.splits.train), len(problem.splits.test_seen)) == (24, 6)
    is_test = np.arange(30) % 5 == 4
    np.savez(path, allow_pickle=False, is_test=is_test, **entries)
    np.testing.assert_array_equal(ImageBytes(path).load().splits.test_seen, np.flatnonzero(is_test))
    domains = {"domains": np.arange(30) % 2, "domain_names": np.array(["photo", "sketch"])}
    np.savez(path, allow_pickle=False, **entries, **domains)
    adapted = ImageBytes(path, target="sketch").load()
    np.testing.assert_array_equal(adapted.splits.test_seen, np.arange(1, 30, 2))
    assert adapted.domain_names == ("photo", "sketch")
    assert ImageBytes(path, target="sketch", sources=("photo",)).load().hash == adapted.hash
    np.savez(tmp_path / "short.npz", allow_pickle=False, **entries, **domains | {"domains": np.arange(29) % 2})
    with pytest.raises(InputError, match=r"short\.npz: domains: shape \(29,\) found for 30 pictures"):
        ImageBytes(tmp_path / "short.npz", target="sketch").load()
    _, splits = mat_files()
    scipy.io.savemat(tmp_path / "att_splits.mat", splits)
    zero_shot = ImageBytes(path).load()
    np.testing.assert_array_equal(zero_shot.unseen_classes, [4, 5])
    np.testing.assert_allclose(zero_shot.required_semantics, splits["att"].T)
    assert len(zero_shot.splits.test_seen) == 4
    assert ImageBytes(path, splits=None).load().semantics is None


def test_pictures_of_domains_that_are_no_source_are_in_no_split():
    domains, labels = np.arange(24) % 4, np.arange(24) // 4 % 3
    names = ("art", "clay", "photo", "sketch")
    test, used = domain_split(domains, names, "sketch", ("photo", "art"))
    splits, _ = image_splits(labels, NONE, test, None, 0.2, used)
    assert set(domains[splits.train]) == {0, 2}
    assert set(domains[splits.test_seen]) == {3}
    assert set(domains[splits.validation_seen]) <= {0, 2}
    assert len(splits.train) + len(splits.test_seen) == 18


@pytest.mark.parametrize(
    ("target", "sources", "message"),
    [
        ("sketch", ("sketch",), "sources: 'sketch' found, which is the target"),
        ("sketch", ("clay",), "sources: 'clay' found, expected one of 'photo', 'sketch'"),
        ("sketch", (), "sources: none found"),
        (None, ("photo",), "sources: photo found without a target"),
        ("clay", None, "target: 'clay' found"),
    ],
)
def test_domains_that_fit_no_pair(target, sources, message):
    with pytest.raises(InputError, match=message):
        domain_split(np.arange(6) % 2, ("photo", "sketch"), target, sources)


def test_folders_called_train_and_validation_may_be_domains(tmp_path):
    for place, domain in enumerate(("train", "validation")):
        for number in range(8):
            write(tmp_path / domain / "ab"[number // 4] / f"{number}.jpg", solid(100 * place + number, "JPEG"))
    problem = ImageFolder(tmp_path, domains=True, target="validation", sources=("train",)).load()
    assert problem.domain_names == ("train", "validation")
    assert (len(problem.splits.train), len(problem.splits.test_seen)) == (8, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jpeg": None}, "jpeg: missing"),
        ({"offsets": None}, "offsets: missing"),
        ({"class_names": None}, "class_names: missing"),
        ({"jpeg": np.zeros(9)}, "jpeg: float64"),
        ({"offsets": np.zeros(1, int)}, "offsets: expected"),
        ({"offsets": np.array([0, 10**9])}, "offsets: expected"),
        ({"offsets": np.array([0, 9, 4, 12])}, "offsets: picture 1 ends before it begins"),
        ({"offsets": np.array([0.0, 9.0])}, "offsets: float64"),
        ({"labels": np.zeros(3, int)}, r"labels: shape \(3,\) found for 30 pictures"),
        ({"labels": np.arange(30)}, "labels: picture 6 has label 6, expected 0 to 5"),
        ({"is_test": np.zeros(30, int)}, "is_test: int64"),
        ({"domains": np.zeros(30, int)}, "domain_names: missing"),
        ({"class_names": np.array(["a"] * 6)}, "class_names: 'a' occurs 6 times"),
        ({"jpeg": np.zeros(10**6, np.uint8)}, "neither of these"),
    ],
)
def test_bytes_that_are_none(tmp_path, change, message):
    entries = {name: value for name, value in {**bytes_entries(), **change}.items() if value is not None}
    np.savez(tmp_path / "images.npz", allow_pickle=False, **entries)
    with pytest.raises(InputError, match=message):
        ImageBytes(tmp_path / "images.npz").load()


def test_another_split_file_than_the_pictures(tmp_path):
    np.savez(
        tmp_path / "images.npz", allow_pickle=False, **{**bytes_entries(), "class_names": np.array(list("abcdef"))}
    )
    _, splits = mat_files()
    scipy.io.savemat(tmp_path / "att_splits.mat", splits)
    with pytest.raises(InputError, match="allclasses_names: other classes"):
        ImageBytes(tmp_path / "images.npz").load()
    scipy.io.savemat(tmp_path / "att_splits.mat", {**splits, "test_seen_loc": np.array([[31]])})
    np.savez(tmp_path / "images.npz", allow_pickle=False, **bytes_entries())
    with pytest.raises(InputError, match="sample 31 found, but there are 30 samples"):
        ImageBytes(tmp_path / "images.npz").load()


PREFIXES = {
    "CUB": ("/BS/Deep_Fragments/work/MSc/CUB_200_2011/CUB_200_2011/images/", "001.{0}/{0}_0046_{1}.jpg"),
    "AWA2": ("/BS/xian/work/data/Animals_with_Attributes2//JPEGImages/", "{0}/{0}_10{1}.jpg"),
    "SUN": ("/BS/Deep_Fragments/work/MSc/data/SUN/images/", "{0[0]}/{0}/indoor/sun_{1}.jpg"),
    "windows": ("C:\\data\\images\\", "{0}\\{1}.jpg"),
}


@pytest.fixture(params=PREFIXES)
def xlsa17(request, tmp_path) -> tuple[Path, Path]:
    """The folders of the .mat files and of the pictures, with paths as the published files have them."""
    features, splits = mat_files()
    prefix, pattern = PREFIXES[request.param]
    names = [pattern.format("abcdef"[number // 5] * 3, number) for number in range(30)]
    root, images = tmp_path / "data", tmp_path / "pictures"
    root.mkdir()
    for number, name in enumerate(names):
        write(images / name.replace("\\", "/"), solid(number, "JPEG"))
    paths = np.array([[prefix + name] for name in names], object)
    scipy.io.savemat(root / "res101.mat", {**features, "image_files": paths})
    scipy.io.savemat(root / "att_splits.mat", splits)
    return root, images


def test_the_pictures_of_an_xlsa17_folder(xlsa17):
    root, images = xlsa17
    problem = Xlsa17Images(root, images, reading=Reading(6)).load()
    np.testing.assert_allclose(numbers_of(problem.samples), np.arange(30), atol=2)
    of_features = locate(str(root)).load()
    np.testing.assert_array_equal(problem.labels, of_features.labels)
    for one, two in zip(problem.splits, of_features.splits, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(problem.required_semantics, of_features.required_semantics)
    with pytest.raises(InputError, match=r"images: .* found, expected the folder of the pictures: none of the"):
        Xlsa17Images(root, root).load()
    with pytest.raises(InputError, match="no such folder"):
        Xlsa17Images(root, root / "none").load()
    missing = sorted(images.rglob("*.jpg"))[-1]
    missing.unlink()
    with pytest.raises(InputError, match=f"{missing.name}: no such file"):
        Xlsa17Images(root, images, reading=Reading(6)).load()


def test_paths_that_leave_the_folder_are_refused(xlsa17, tmp_path):
    root, images = xlsa17
    features, _ = mat_files()
    for paths, message in (
        (["../secret.png"] * 30, "expected paths without"),
        (["/etc/passwd"] * 30, "such as '/etc/passwd'"),
        (["a.png"] * 29, "none of the image_files"),
    ):
        cells = np.array([[path] for path in paths], object)
        scipy.io.savemat(root / "res101.mat", {**features, "image_files": cells})
        with pytest.raises(InputError, match=message):
            Xlsa17Images(root, images).load()
    write(images / "a.png", solid(1))
    with pytest.raises(InputError, match="29 paths found for 30 labels"):
        Xlsa17Images(root, images).load()
    scipy.io.savemat(root / "res101.mat", features)
    with pytest.raises(InputError, match="image_files: missing"):
        Xlsa17Images(root, images).load()


def test_picture_sources_are_found_and_recorded(photos, xlsa17, tmp_path):
    root, images = xlsa17
    np.savez(tmp_path / "images.npz", allow_pickle=False, **bytes_entries())
    assert locate(str(photos)) == ImageFolder(photos)
    assert locate(str(tmp_path / "images.npz")) == ImageBytes(tmp_path / "images.npz")
    assert locate(str(root), images=images) == Xlsa17Images(root, images)
    for source in (ImageFolder(photos), ImageBytes(tmp_path / "images.npz"), Xlsa17Images(root, images)):
        assert isinstance(source, PictureSource)
        changed = dataclasses.replace(source, reading=Reading(8, 9, "bicubic", "grey"), storage=Storage(1.5))
        assert decode(encode(changed)) == changed
    with pytest.raises(InputError, match="is no folder of the xlsa17 layout"):
        locate(str(photos), images=images)
    assert main(["data", "info", str(root), "--images", str(images), "--size", "6"]) == 0
    assert main(["data", "info", "digits", "--size", "6"]) == 2
    assert main(["data", "info", str(root), "--domains"]) == 2


def test_without_pillow_the_extra_is_named(photos, monkeypatch):
    monkeypatch.setattr("jzsl.data.formats.picture.importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "jzsl\[images\]"'):
        ImageFolder(photos).load()


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "options", "shape", "sizes"),
    [
        ("awa_mini27/images_128x128_jpeg.npz", {}, (1686, 128, 128, 3), (1041, 261, 384)),
        ("pacs/images_96x96_jpeg.npz", {"target": "sketch"}, (9991, 32, 32, 3), (6062, 3929, 0)),
    ],
)
def test_real_pictures(shared_data, name, options, shape, sizes):
    reading = Reading() if shape[1] == 128 else Reading(32)
    problem = ImageBytes(shared_data / "images" / name, reading, **options).load()
    assert problem.samples.shape == shape
    assert tuple(map(len, problem.splits[:3])) == sizes
    assert problem.samples[problem.splits.train[:200]].std() > 40
