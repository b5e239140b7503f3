"""Damaged pictures and damaged files of pictures end in pixels or in one clear error. Thousands with `-m slow`."""

import io
import json
import shutil
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from jzsl.data.feature_record import FeatureRecord, read_feature_record
from jzsl.data.formats.picture import Reading, decode
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.image_folder import ImageFolder
from jzsl.errors import InputError
from jzsl.problem.extraction import Extraction
from jzsl.problem.problem import Backbone
from tests.fuzz.mutations import CHANGES, EDITS, changed, edited
from tests.fuzz.test_fuzz import EXAMPLES, attempt, many, peak_memory, tally

_MOST_BYTES = 700_000_000
"""A picture that claims just the most pixels allowed takes 270 MB in four channels, and its copy as much again."""


def picture(kind: str, mode: str) -> bytes:
    """A small photograph-like picture with an orientation."""
    y, x = np.mgrid[:24, :32]
    pixels = np.stack([8 * x, 10 * y, 4 * (x + y), 255 - 8 * x], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, exif=exif)
    return buffer.getvalue()


KINDS = [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGBA")]


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_foreign_bytes_in_a_picture(kind, mode, count):
    whole = picture(kind, mode if mode != "I;16" else "L")
    if mode == "I;16":
        buffer = io.BytesIO()
        Image.fromarray((np.arange(600, dtype=np.uint16) * 100).reshape(20, 30)).save(buffer, "PNG")
        whole = buffer.getvalue()
    outcomes: Counter = Counter()
    assert decode(whole, "a", Reading(8, 9)).shape == (8, 8, 3)

    @many(count)
    @given(EDITS)
    def check(edits):
        content = edited(whole, edits)
        attempt(lambda: decode(content, "picture 7 of a folder", Reading(8, 9)), outcomes)

    before = peak_memory()
    check()
    assert peak_memory() - before < _MOST_BYTES
    tally(outcomes, count, f"{kind} {mode}")


@pytest.fixture(scope="module")
def npz(tmp_path_factory) -> bytes:
    files = [picture("JPEG", "RGB"), picture("PNG", "RGB")] * 6
    path = tmp_path_factory.mktemp("bytes") / "images.npz"
    np.savez(path, jpeg=np.frombuffer(b"".join(files), np.uint8), offsets=np.cumsum([0, *map(len, files)]),
             labels=np.repeat(np.arange(3), 4), class_names=np.array(["a", "b", "c"]),
             is_test=np.arange(12) % 4 == 0)  # fmt: skip
    return path.read_bytes()


@pytest.mark.parametrize("count", EXAMPLES)
def test_foreign_bytes_in_a_file_of_pictures(npz, tmp_path, count):
    outcomes: Counter = Counter()

    @many(count)
    @given(EDITS)
    def check(edits):
        (tmp_path / "images.npz").write_bytes(edited(npz, edits))
        attempt(lambda: ImageBytes(tmp_path / "images.npz", Reading(8)).load(), outcomes)

    check()
    tally(outcomes, count, "npz of pictures")


@pytest.mark.parametrize("count", EXAMPLES)
def test_foreign_records_of_features(tmp_path, count):
    """The record beside features, in values and in bytes."""
    extraction = Extraction({"size": 8, "shorter": 9}, "network", "0" * 64)
    path, outcomes = tmp_path / "a.json", Counter()
    FeatureRecord(extraction, 6, 4, Backbone.disjoint, "photos", {"jzsl": "0"}).write(path)
    whole = path.read_bytes()
    assert read_feature_record(path, (6, 4)) is not None

    @many(count)
    @given(CHANGES, EDITS)
    def check(changes, edits):
        for content in (json.dumps(changed(json.loads(whole), changes)).encode(), edited(whole, edits)):
            path.write_bytes(content)
            attempt(lambda: read_feature_record(path, (6, 4)), outcomes)

    check()
    tally(outcomes, count, "record of features")


@pytest.mark.parametrize("count", EXAMPLES)
def test_foreign_bytes_in_a_folder(tmp_path, count):
    """One damaged picture among good ones: either it can be decoded, or the error names it and nothing else."""
    outcomes: Counter = Counter()
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "photos" / name / f"{number}.jpg").write_bytes(picture("JPEG", "RGB"))
    whole, bad = picture("JPEG", "RGB"), tmp_path / "photos" / "b" / "damaged.jpg"

    @many(count)
    @given(EDITS)
    def check(edits):
        bad.write_bytes(edited(whole, edits))
        damaged = []
        try:
            ImageFolder(tmp_path / "photos", Reading(8)).load()
        except InputError as error:
            damaged = [problem.partition(": ")[0] for problem in error.problems]
        outcomes["refused" if damaged else "read"] += 1
        assert damaged in ([], ["b/damaged.jpg"])

    check()
    tally(outcomes, count, "folder")
    shutil.rmtree(tmp_path / "photos")
