"""`jzsl features`: right numbers, the layout, resuming, other extractions refused, and every mistake in one line."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import scipy.io

from jzsl.cli import main
from jzsl.data.decoding import decoded
from jzsl.data.formats.mat import MatFile
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import ImageFolder, pictures_in
from jzsl.data.xlsa17 import Xlsa17
from jzsl.errors import InputError
from jzsl.extraction import extract
from jzsl.extraction.extract import batch_size, extracted
from jzsl.extraction.parts import Parts
from jzsl.problem.problem import Backbone
from tests.data.test_image_sources import bytes_entries, solid, write
from tests.data.test_sources import mat_files
from tests.extraction.conftest import SCALES, expected_features, quarters

NET = ["--network", "quarters", "--batch-size", "8"]
READING = Reading(8, 10, "bicubic")


def make(photos: Path, out: Path, *options: str) -> int:
    return main(["features", str(photos), *NET, "--out", str(out), *options])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_features_are_those_of_numpy_and_the_layout_is_read(tiny, photos, semantics, tmp_path, capsys, dtype):
    (tmp_path / "unseen.txt").write_text("b\ne\n")
    options = ["--semantics", str(semantics), "--unseen", str(tmp_path / "unseen.txt"), "--dtype", dtype]
    assert make(photos, tmp_path / "out", *options) == 0
    assert "42 pictures, 12 features of each" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "att_splits.mat", "quarters.extraction.json", "quarters.mat"
    ]  # fmt: skip
    problem = Xlsa17(tmp_path / "out", "quarters").load()
    source = ImageFolder(photos, READING, unseen=tmp_path / "unseen.txt").load()
    assert problem.samples.dtype == np.dtype(dtype)
    tolerance = {"float32": 2e-5, "float16": 2e-3}[dtype]
    np.testing.assert_allclose(problem.samples, expected_features(source.samples), rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(problem.labels, source.labels)
    assert problem.class_names == source.class_names
    for name in ("train", "test_seen", "test_unseen", "validation_classes"):
        np.testing.assert_array_equal(getattr(problem.splits, name), getattr(source.splits, name))
    np.testing.assert_allclose(problem.required_semantics, np.load(semantics)["semantics"])
    files = MatFile(tmp_path / "out" / "quarters.mat").strings("image_files")
    assert files == [f"{'abcdef'[number // 7]}/{number:02}.png" for number in range(42)]


def test_what_the_record_says_is_filled_in(tiny, photos, tmp_path):
    assert make(photos, tmp_path / "out") == 0
    problem = Xlsa17(tmp_path / "out", "quarters").load()
    assert problem.provenance.backbone is Backbone.disjoint
    assert Xlsa17(tmp_path / "out", "quarters", backbone=Backbone.overlapping).load().provenance.backbone is (
        Backbone.overlapping
    )
    extraction = problem.provenance.extraction
    assert extraction is not None
    assert extraction.preprocessing == {"size": 8, "shorter": 10, "interpolation": "bicubic", "colours": "rgb",
                                        "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.5, 1.0]}  # fmt: skip
    assert extraction == quarters(None).extraction
    np.testing.assert_array_equal(problem.required_semantics, np.eye(6))  # no semantics given
    assert make(photos, tmp_path / "other", "--backbone", "overlapping") == 0
    assert Xlsa17(tmp_path / "other", "quarters").load().provenance.backbone is Backbone.overlapping


def test_other_programs_read_the_files(tiny, photos, tmp_path):
    """SciPy reads the classic files, as published code does; h5py reads what half precision needs."""
    assert make(photos, tmp_path / "out") == 0
    content = scipy.io.loadmat(tmp_path / "out" / "quarters.mat")
    assert content["features"].shape == (12, 42)
    assert content["features"].dtype == np.float32
    assert content["labels"].min() == 1
    assert content["image_files"][0, 0].item() == "a/00.png"
    splits = scipy.io.loadmat(tmp_path / "out" / "att_splits.mat")
    assert splits["trainval_loc"].min() >= 1
    assert len(splits["train_loc"]) + len(splits["val_loc"]) == len(splits["trainval_loc"])


def test_pictures_without_labels(tiny, photos, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in photos.rglob("*.png"):
        shutil.copy(path, flat)
    assert make(flat, tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["quarters.extraction.json", "quarters.mat"]
    file = MatFile(tmp_path / "out" / "quarters.mat")
    assert file.keys == {"features", "image_files"}
    np.testing.assert_allclose(
        file.numeric("features").T, expected_features(decoded(pictures_in(flat), READING)), rtol=1e-4
    )


def test_bytes_and_splits_of_an_npz(tiny, tmp_path):
    np.savez(tmp_path / "images.npz", allow_pickle=False, is_test=np.arange(30) % 5 == 4, **bytes_entries())
    assert make(tmp_path / "images.npz", tmp_path / "out") == 0
    problem = Xlsa17(tmp_path / "out", "quarters").load()
    np.testing.assert_array_equal(problem.splits.test_seen, np.arange(4, 30, 5))
    assert problem.class_names[1] == "bée"


def test_a_target_domain_is_the_test_split(tiny, tmp_path):
    domains = {"domains": np.arange(30) % 2, "domain_names": np.array(["photo", "sketch"])}
    np.savez(tmp_path / "images.npz", allow_pickle=False, **bytes_entries(), **domains)
    assert make(tmp_path / "images.npz", tmp_path / "out", "--target", "sketch") == 0
    problem = Xlsa17(tmp_path / "out", "quarters").load()
    np.testing.assert_array_equal(problem.splits.test_seen, np.arange(1, 30, 2))


def test_the_pictures_of_published_features(tiny, tmp_path):
    """Other features for the splits of an xlsa17 folder: the same problem but for its samples."""
    features, splits = mat_files()
    paths = [f"/BS/data/images/{number % 6}/{number}.png" for number in range(30)]
    for number, path in enumerate(paths):
        write(tmp_path / "pictures" / path.removeprefix("/BS/data/images/"), solid(8 * number, side=12))
    root = tmp_path / "data"
    root.mkdir()
    cells = np.array([[path] for path in paths], object)
    scipy.io.savemat(root / "res101.mat", {**features, "image_files": cells})
    scipy.io.savemat(root / "att_splits.mat", splits)
    assert make(root, tmp_path / "out", "--images", str(tmp_path / "pictures")) == 0
    ours, published = Xlsa17(tmp_path / "out", "quarters").load(), Xlsa17(root).load()
    for one, two in zip(ours.splits, published.splits, strict=True):
        np.testing.assert_array_equal(one, np.sort(two))
    np.testing.assert_array_equal(ours.labels, published.labels)
    np.testing.assert_allclose(ours.required_semantics, published.required_semantics)
    pixels = np.broadcast_to(np.array([[[[0, 100, 200]]]]), (30, 8, 8, 3)).copy()
    pixels[..., 0] = 8 * np.arange(30)[:, None, None]
    np.testing.assert_allclose(ours.samples, expected_features(pixels), rtol=1e-4, atol=1e-4)


def interrupt_after(monkeypatch, batches: int) -> None:
    """The batch after so many stops the program, as Ctrl-C does."""
    append, count = Parts.append, []

    def stop(self, features):
        if len(count) == batches:
            raise KeyboardInterrupt
        count.append(1)
        append(self, features)

    monkeypatch.setattr(Parts, "append", stop)


@pytest.mark.parametrize("stops", [0, 1, 3, 5])
def test_a_stopped_extraction_goes_on_and_ends_with_the_same_bytes(tiny, photos, tmp_path, monkeypatch, capsys, stops):
    assert make(photos, tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        interrupt_after(patch, stops)
        assert make(photos, tmp_path / "out") == 130
    assert f"the features of {8 * stops} pictures are kept, and --resume goes on" in capsys.readouterr().err
    assert make(photos, tmp_path / "out") == 2  # not without --resume
    raw = tmp_path / "out" / ".partial" / "features.raw"
    assert raw.stat().st_size == stops * 8 * 12 * 4
    with raw.open("ab") as file:
        file.write(b"a batch that was cut off")
    made = []
    with monkeypatch.context() as patch:
        append = Parts.append
        patch.setattr(Parts, "append", lambda self, features: (made.append(len(features)), append(self, features)))
        assert make(photos, tmp_path / "out", "--resume") == 0
    assert sum(made) == 42 - 8 * stops
    for name in ("att_splits.mat", "quarters.mat"):
        one, two = ((tmp_path / folder / name).read_bytes()[128:] for folder in ("whole", "out"))
        assert one == two  # but for the date in the header
    assert not (tmp_path / "out" / ".partial").exists()


def test_another_extraction_is_not_resumed(tiny, photos, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        assert make(photos, tmp_path / "out") == 130
    (tmp_path / "weights.bin").write_bytes((2 * SCALES).tobytes())
    for options, message in (
        (["--dtype", "float16"], "dtype: float32, now float16"),
        (["--batch-size", "6"], "batch_size: 8, now 6"),
        (["--weights", str(tmp_path / "weights.bin")], "holds another extraction: extraction: "),
    ):
        capsys.readouterr()
        assert make(photos, tmp_path / "out", "--resume", *options) == 2
        assert message in capsys.readouterr().err
    (photos / "a" / "03.png").write_bytes((photos / "b" / "08.png").read_bytes())
    assert make(photos, tmp_path / "out", "--resume") == 2
    assert "pictures whose features are there have changed" in capsys.readouterr().err


def test_a_picture_that_cannot_be_decoded_is_replaced_and_the_extraction_goes_on(tiny, photos, tmp_path, capsys):
    bad, whole = photos / "d" / "24.png", (photos / "d" / "24.png").read_bytes()
    assert make(photos, tmp_path / "whole") == 0
    bad.write_bytes(whole[:60])
    assert make(photos, tmp_path / "out") == 2
    assert "d/24.png: a damaged or truncated PNG file" in capsys.readouterr().err
    assert (tmp_path / "out" / ".partial" / "features.raw").stat().st_size == 24 * 12 * 4
    bad.write_bytes(whole)
    assert make(photos, tmp_path / "out", "--resume") == 0
    one, two = (Xlsa17(tmp_path / name, "quarters").load() for name in ("whole", "out"))
    assert one.hash == two.hash


def test_a_finished_folder_is_left_alone(tiny, photos, tmp_path, capsys):
    assert make(photos, tmp_path / "out") == 0
    before = (tmp_path / "out" / "quarters.mat").read_bytes()
    assert make(photos, tmp_path / "out") == 2
    assert "exists already" in capsys.readouterr().err
    assert make(photos, tmp_path / "out", "--resume") == 0
    assert "complete already" in capsys.readouterr().out
    assert make(photos, tmp_path / "out", "--resume", "--backbone", "disjoint") == 2
    assert "choose another --out" in capsys.readouterr().err
    other = shutil.copytree(photos, photos.with_name("others"))
    assert make(other, tmp_path / "out", "--resume") == 2
    assert "choose another --out" in capsys.readouterr().err
    assert (tmp_path / "out" / "quarters.mat").read_bytes() == before
    (tmp_path / "weights.bin").write_bytes((2 * SCALES).tobytes())
    assert make(photos, tmp_path / "out", "--resume", "--weights", str(tmp_path / "weights.bin")) == 2
    assert "now quarters with weights of SHA-256" in capsys.readouterr().err


def test_data_info_shows_the_network(tiny, photos, tmp_path, capsys):
    assert make(photos, tmp_path / "out") == 0
    assert main(["data", "info", str(tmp_path / "out"), "--features", "quarters"]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "network quarters with weights of SHA-256" in printed


def test_records_that_do_not_fit_are_refused(tiny, photos, tmp_path):
    assert make(photos, tmp_path / "out") == 0
    path = tmp_path / "out" / "quarters.extraction.json"
    good = json.loads(path.read_text())
    for change, message in (
        ({"samples": 41}, "41 samples of 12 features found, expected 42 of 12"),
        ({"backbone": "blind"}, "backbone: 'blind' found"),
        ({"extraction": {"network": 3}}, "preprocessing is missing"),
        ({"versions": None}, "versions: 'None' found"),
    ):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(InputError, match=message):
            Xlsa17(tmp_path / "out", "quarters").load()
    path.write_text("{")
    with pytest.raises(InputError, match="not the record of features"):
        Xlsa17(tmp_path / "out", "quarters").load()
    path.unlink()
    assert Xlsa17(tmp_path / "out", "quarters").load().provenance.extraction is None


MISTAKES = {
    "no such source": (["{tmp}/none"], "no such file or folder"),
    "no pictures": (["digits"], "no pictures found"),
    "no such network": (["{photos}", "--network", "resnet9"], "network: 'resnet9' found, expected one of"),
    "no such weights": (["{photos}", "--weights", "{tmp}/none.pth"], "none.pth: no such file"),
    "no batch": (["{photos}", "--batch-size", "0"], "batch_size: 0 found"),
    "unseen of a flat folder": (["{photos}/a", "--unseen", "{tmp}/unseen.txt"], "are in no class folders"),
    "domains of bytes": (["{tmp}/images.npz", "--domains"], "domains: given, but"),
    "one unseen class of another name": (["{photos}", "--unseen", "{tmp}/unseen.txt"], "'x' is no class folder"),
    "semantics of other classes": (["{tmp}/images.npz", "--semantics", "{semantics}"], "class_names: 'ant' is missing"),
    "out exists": (["{photos}", "--out", "{tmp}"], "exists already"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_line_and_write_nothing(tiny, photos, semantics, tmp_path, capsys, case):
    arguments, message = MISTAKES[case]
    (tmp_path / "unseen.txt").write_text("x\n")
    np.savez(tmp_path / "images.npz", allow_pickle=False, **bytes_entries())
    before = sorted(tmp_path.rglob("*"))
    arguments = [part.format(tmp=tmp_path, photos=photos, semantics=semantics) for part in arguments]
    source, *rest = arguments
    assert main(["features", source, *NET, "--out", str(tmp_path / "out"), *rest]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_features_that_are_not_finite_or_too_large_are_refused(tiny, photos, tmp_path, capsys):
    for scale, dtype, message in ((np.nan, "float32", "a/00.png: its features are not finite"),
                                  (1e5, "float16", "float16 given, but features reach")):  # fmt: skip
        (tmp_path / "weights.bin").write_bytes((SCALES * np.float32(scale)).tobytes())
        out = tmp_path / f"out {dtype}"
        assert make(photos, out, "--weights", str(tmp_path / "weights.bin"), "--dtype", dtype) == 2
        assert message in capsys.readouterr().err


def test_a_full_disk_keeps_what_was_made(tiny, photos, tmp_path, monkeypatch, capsys):
    import os

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert make(photos, tmp_path / "out") == 1
    assert "no space left" in capsys.readouterr().err
    assert make(photos, tmp_path / "out", "--resume") == 0


def test_the_program_is_compiled_once_and_batches_fill_the_devices(tiny, photos, monkeypatch):
    compiled = []
    compile_ = extract.Program.compile
    monkeypatch.setattr(
        extract.Program,
        "compile",
        lambda self, *arguments: (compiled.append(self._compiled), compile_(self, *arguments))[1],
    )
    images, network = pictures_in(photos), quarters(None)
    parts = list(extracted(images, network, range(42), 16))
    assert [len(part) for part in parts] == [16, 16, 10]
    assert sum(program is None for program in compiled) == 1
    alone = np.concatenate(list(extracted(images, network, [41, 3], 16)))
    np.testing.assert_array_equal(alone, np.concatenate(parts)[[41, 3]])
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    assert batch_size(8) == 9
    assert batch_size(None) % 3 == 0
