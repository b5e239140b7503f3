"""Omniglot's zip files: which drawings are labelled, what is damaged, what claims too much."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from jzsl.cli import main
from jzsl.data.formats.picture import Reading
from jzsl.data.locate import locate
from jzsl.data.new_classes import NewClasses
from jzsl.data.omniglot import MOST_BYTES, Omniglot
from jzsl.errors import InputError

SMALL1, SMALL2 = "images_background_small1", "images_background_small2"


def drawing(number: int) -> bytes:
    """White paper with as many black rows as the number says."""
    image = Image.new("1", (105, 105), 1)
    image.paste(0, (0, 0, 105, number))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def members(alphabets, name):
    """Two characters of each alphabet, five drawings of each, their rows numbered from 1."""
    made = {}
    for alphabet in alphabets:
        for character in (1, 2):
            for person in range(1, 6):
                path = f"{name}/{alphabet}/character{character:02}/{700 + character:04}_{person:02}.png"
                made[path] = drawing(10 * (character - 1) + person)
    return made


def zipped(path, content, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.fixture
def root(tmp_path):
    """Greek is in both sets; macOS has added a file."""
    noise = {f"{SMALL1}/": b"", f"__MACOSX/{SMALL1}/Greek/character01/._0701_01.png": b"x"}
    zipped(tmp_path / f"{SMALL1}.zip", {**noise, **members(["Greek", "Latin"], SMALL1)})
    zipped(tmp_path / f"{SMALL2}.zip", members(["Greek", "Tagalog"], SMALL2))
    return tmp_path


def test_alphabets_are_labelled_or_not(root):
    problem = Omniglot(root, unseen=("Tagalog",)).load()
    assert problem.samples.shape == (30, 32, 32, 1)
    assert problem.class_names == tuple(
        f"{alphabet}/character0{number}" for alphabet in ("Greek", "Latin", "Tagalog") for number in (1, 2)
    )
    np.testing.assert_array_equal(problem.seen_classes, [0, 1, 2, 3])
    np.testing.assert_array_equal(problem.unseen_classes, [4, 5])
    assert (len(problem.splits.train), len(problem.splits.test_seen), len(problem.splits.test_unseen)) == (16, 4, 10)
    ink = np.mean(problem.samples < 128, axis=(1, 2, 3))
    rows = np.array([10 * (label % 2) + person for label in range(6) for person in range(1, 6)])
    np.testing.assert_allclose(ink, rows / 105, atol=0.02)
    assert Omniglot(root, unseen=("Tagalog",)).load().hash == problem.hash
    whole = Omniglot(root, reading=Reading(colours="grey")).load()
    assert whole.samples.shape == (30, 105, 105, 1)
    assert set(np.unique(whole.samples)) == {0, 255}
    assert not len(whole.unseen_classes)


def test_sets_stand_for_their_alphabets(root):
    both = Omniglot(root, unseen=(SMALL2,), seen=(SMALL1,)).load()
    assert {name.partition("/")[0] for name in np.array(both.class_names)[both.seen_classes]} == {"Latin"}
    one = Omniglot(root, unseen=("Latin",), seen=("Tagalog",)).load()
    assert one.class_names == ("Latin/character01", "Latin/character02", "Tagalog/character01", "Tagalog/character02")
    problem = NewClasses(Omniglot(root, unseen=("Tagalog",), seen=(SMALL1,)), held_out=0).load()
    assert len(problem.splits.unlabelled) == 10
    assert problem.clusters == 2


def test_unpacked_folders_hold_the_same(root, tmp_path):
    packed = Omniglot(root).load()
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    for name in (SMALL1, SMALL2):
        with zipfile.ZipFile(root / f"{name}.zip") as archive:
            archive.extractall(unpacked, [member for member in archive.namelist() if not member.startswith("__")])
    assert Omniglot(unpacked).load().hash == packed.hash
    assert isinstance(locate(str(root)), Omniglot)
    assert isinstance(locate(str(unpacked)), Omniglot)
    assert main(["data", "info", str(root)]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"unseen": ("Klingon",)},
            "unseen: no alphabet 'Klingon', expected some of Greek, Latin, Tagalog, images_back",
        ),
        ({"seen": ("Klingon",)}, "seen: no alphabet 'Klingon'"),
        ({"unseen": ("Greek", "Latin", "Tagalog")}, "unseen: every alphabet found, expected some others with labels"),
        ({"seen": ("Greek",), "unseen": ("Greek",)}, "seen: Greek found, expected some alphabets beside `unseen`"),
        ({"test": 0.0}, "test: 0.0 found"),
    ],
)
def test_mistakes(root, options, message):
    with pytest.raises(InputError, match=message):
        Omniglot(root, **options).load()


def test_folders_without_drawings(tmp_path):
    with pytest.raises(InputError, match=r"root: .*none: no such folder, expected the one .* zip files"):
        Omniglot(tmp_path / "none").load()
    with pytest.raises(InputError, match=r"no drawings found, expected images_background\.zip"):
        Omniglot(tmp_path).load()


@pytest.mark.parametrize("name", ["Greek/0701_01.png", "Greek/character01/deep/0701_01.png", "Greek/a/0701_01.png"])
def test_members_of_another_layout(root, name):
    zipped(root / f"{SMALL1}.zip", {f"{SMALL1}/{name}": drawing(1)})
    with pytest.raises(InputError, match=rf"{SMALL1}\.zip: {SMALL1}/{name}: expected {SMALL1}/ALPHABET/character"):
        Omniglot(root).load()


def test_damaged_zips_and_members(root):
    path = root / f"{SMALL1}.zip"
    content = path.read_bytes()
    for damaged in (b"", b"no zip", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{SMALL1}\.zip: not a readable zip file"):
            Omniglot(root).load()
    first = members(["Greek"], SMALL1)[f"{SMALL1}/Greek/character01/0701_01.png"]
    zipped(path, members(["Greek", "Latin"], SMALL1), zipfile.ZIP_STORED)
    stored = path.read_bytes()
    path.write_bytes(stored.replace(first, first[:-8] + b"12345678", 1))
    with pytest.raises(InputError, match=r"Greek/character01/0701_01\.png: damaged \(Bad CRC-32"):
        Omniglot(root).load()
    zipped(path, {f"{SMALL1}/Latin/character01/0701_01.png": b"no picture"})
    with pytest.raises(InputError, match=r"Latin/character01/0701_01\.png: neither of these"):
        Omniglot(root).load()
    zipped(path, {f"{SMALL1}/Latin/character01/0701_01.png": drawing(3)}, zipfile.ZIP_BZIP2)
    with pytest.raises(InputError, match="compression 12, expected deflate or none"):
        Omniglot(root).load()


def test_sets_that_disagree(root):
    other = {**members(["Greek"], SMALL2), f"{SMALL2}/Greek/character01/0701_01.png": drawing(90)}
    zipped(root / f"{SMALL2}.zip", other)
    with pytest.raises(InputError, match=rf"{SMALL2}\.zip: .*0701_01\.png: another drawing than .*{SMALL1}\.zip"):
        Omniglot(root).load()


def test_zip_bombs(root):
    """Members that claim too much are refused unread; of one that has more than it claims no more is taken."""
    path, name = root / f"{SMALL1}.zip", f"{SMALL1}/Greek/character01/0701_01.png"
    zipped(path, {name: bytes(10**7)})
    honest = path.read_bytes()
    for claimed, message in ((MOST_BYTES + 1, "bytes claimed, expected at most"), (200, "damaged|neither of these")):
        size = struct.pack("<L", 10**7)
        path.write_bytes(honest.replace(size, struct.pack("<L", claimed)))
        with pytest.raises(InputError, match=message):
            Omniglot(root).load()


def test_the_original_files(shared_data):
    """The small sets have eight alphabets, of which both have Greek and Latin; 20 drawings of each character."""
    root = shared_data / "images" / "omniglot"
    problem = Omniglot(root, unseen=("Tagalog",), seen=(SMALL1,)).load()
    assert len(problem.seen_classes) == 136
    assert len(problem.unseen_classes) == 17
    np.testing.assert_array_equal(np.bincount(problem.labels), np.full(153, 20))
    everything = Omniglot(root).encoded()
    assert len({name.partition("/")[0] for name in everything.class_names}) == 8
