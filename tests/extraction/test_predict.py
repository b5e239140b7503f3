"""`jzsl predict RUN photos/`: photographs go the way that the run's own samples went, or are refused."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jzsl.cli import main
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import ImageFolder
from jzsl.data.xlsa17 import Xlsa17
from tests.extraction.conftest import SCALES, quarters
from tests.extraction.test_features import NET

CONFIG = """
from pathlib import Path
from jzsl.config import Experiment, Train
from jzsl.data.xlsa17 import Xlsa17
from jzsl.methods.eszsl import ESZSL
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

CONFIG = Experiment(Xlsa17(Path({root!r}), "quarters"), ESZSL(), Train(epochs=1), (ZSL(), GZSL()), seeds=1)
"""
PIXELS = """
from pathlib import Path
from jzsl.config import Experiment, Train
from jzsl.data.formats.picture import Reading
from jzsl.data.formats.picture import Reading
from jzsl.data.image_folder import ImageFolder
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.small_cnn import SmallCNN
from jzsl.training.optimizers.adam import Adam
from jzsl.tasks.adaptation import Adaptation

CONFIG = Experiment(
    ImageFolder(Path({root!r}), Reading(8, 10)),
    ImageClassifier(SmallCNN((4,)), optimizer=Adam(1e-2)),
    Train(epochs=2),
    (Adaptation(),),
    seeds=1,
)
"""


@pytest.fixture
def run_dir(tiny, photos, semantics, tmp_path) -> Path:
    """A zero-shot run on the features of the photographs, classes b and e unseen."""
    (tmp_path / "unseen.txt").write_text("b\ne\n")
    options = ["--semantics", str(semantics), "--unseen", str(tmp_path / "unseen.txt")]
    assert main(["features", str(photos), *NET, "--out", str(tmp_path / "made"), *options]) == 0
    (tmp_path / "config.py").write_text(CONFIG.format(root=str(tmp_path / "made")))
    assert main(["run", str(tmp_path / "config.py"), "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("exported", [False, True])
def test_photographs_are_classified_as_their_features_are(run_dir, photos, tmp_path, exported):
    model = run_dir
    if exported:
        model = tmp_path / "model"
        assert main(["export", str(run_dir), "--out", str(model)]) == 0
    np.save(tmp_path / "x.npy", Xlsa17(tmp_path / "made", "quarters").load().samples)
    outputs = []
    for source in ("x.npy", "photos"):
        outputs.append(tmp_path / f"{source}.csv")
        assert main(["predict", str(model), str(tmp_path / source), "--out", str(outputs[-1])]) == 0
    features, pictures = map(table, outputs)
    assert [row["sample"] for row in pictures] == [f"{'abcdef'[number // 7]}/{number:02}.png" for number in range(42)]
    assert [row["class"] for row in pictures] == [row["class"] for row in features]
    for one, two in zip(features, pictures, strict=True):
        assert float(one["score"]) == pytest.approx(float(two["score"]), rel=1e-4)
    assert {row["class"] for row in pictures} <= {"b", "e"}
    single = tmp_path / "photos" / "b" / "08.png"
    assert main(["predict", str(model), str(single), "--out", str(tmp_path / "one.csv")]) == 0
    assert table(tmp_path / "one.csv")[0]["class"] == pictures[8]["class"]


def test_the_run_records_how_its_features_were_made(run_dir):
    result = json.loads((run_dir / "result.json").read_text())
    assert result["extraction"] == quarters(None).extraction.record()
    assert result["features"]["backbone"] == "disjoint"
    assert len(result["extraction"]["weights"]) == 64


def test_another_network_is_refused(run_dir, photos, tmp_path, capsys, monkeypatch):
    (tmp_path / "weights.bin").write_bytes((2 * SCALES).tobytes())
    predict = ["predict", str(run_dir), str(photos), "--out", str(tmp_path / "p.csv")]
    assert main([*predict, "--weights", str(tmp_path / "weights.bin")]) == 2
    line = capsys.readouterr().err
    assert "was trained on features of quarters with weights of SHA-256" in line
    assert len(line.splitlines()) == 1
    (tmp_path / "weights.bin").write_bytes(SCALES.tobytes())
    assert main([*predict, "--weights", str(tmp_path / "weights.bin")]) == 0
    from jzsl.extraction import network

    other = quarters(None)
    preprocessing = {**other.extraction.preprocessing, "shorter": 9}
    other = other._replace(extraction=other.extraction._replace(preprocessing=preprocessing))
    monkeypatch.setitem(network.NETWORKS, "quarters", lambda weights: other)
    assert main(predict) == 2
    assert "preprocessing" in capsys.readouterr().err
    monkeypatch.delitem(network.NETWORKS, "quarters")
    assert main(predict) == 2
    assert "network: 'quarters' found, expected one of" in capsys.readouterr().err


def test_photographs_that_cannot_be_decoded_are_named(run_dir, photos, tmp_path, capsys):
    (photos / "c" / "15.png").write_bytes(b"")
    assert main(["predict", str(run_dir), str(photos), "--out", str(tmp_path / "p.csv")]) == 2
    assert "c/15.png: 0 bytes found" in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_photographs_are_refused_where_features_are_of_unknown_origin(run_dir, photos, tmp_path, capsys):
    (tmp_path / "made" / "quarters.extraction.json").unlink()
    assert main(["run", str(tmp_path / "config.py"), "--out", str(tmp_path / "unknown")]) == 0
    assert json.loads((tmp_path / "unknown" / "result.json").read_text())["extraction"] is None
    assert main(["predict", str(tmp_path / "unknown"), str(photos), "--out", str(tmp_path / "p.csv")]) == 2
    assert "were not made of pictures by `jzsl features`" in capsys.readouterr().err
    np.save(tmp_path / "x.npy", np.ones((2, 12), np.float32))
    options = ["--weights", str(tmp_path / "none.pth"), "--out", str(tmp_path / "p.csv")]
    assert main(["predict", str(run_dir), str(tmp_path / "x.npy"), *options]) == 2
    assert "holds no pictures" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(run_dir), str(tmp_path / "empty"), "--out", str(tmp_path / "p.csv")]) == 2
    assert "no pictures found" in capsys.readouterr().err


def test_a_run_on_pictures_reads_photographs_as_its_own(photos, tmp_path, capsys):
    (tmp_path / "config.py").write_text(PIXELS.format(root=str(photos)))
    assert main(["run", str(tmp_path / "config.py"), "--out", str(tmp_path / "run")]) == 0
    problem = ImageFolder(photos, Reading(8, 10)).load()
    np.savez(tmp_path / "images.npz", images=problem.samples)
    for source, out in ((photos, "a.csv"), (tmp_path / "images.npz", "b.csv")):
        assert main(["predict", str(tmp_path / "run"), str(source), "--out", str(tmp_path / out)]) == 0
    one, two = table(tmp_path / "a.csv"), table(tmp_path / "b.csv")
    assert [{**row, "sample": ""} for row in one] == [{**row, "sample": ""} for row in two]
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "model")]) == 0
    assert main(["predict", str(tmp_path / "model"), str(photos), "--out", str(tmp_path / "c.csv")]) == 0
    assert [row["class"] for row in table(tmp_path / "c.csv")] == [row["class"] for row in one]
    record = json.loads((tmp_path / "model" / "model.json").read_text())
    for change, message in (({"size": "8"}, "preprocessing"), ({"colours": "sepia"}, "colours: 'sepia' found")):
        changed = {**record["extraction"]["preprocessing"], **change}
        shutil.copytree(tmp_path / "model", tmp_path / "bad", dirs_exist_ok=True)
        content = {**record, "extraction": {**record["extraction"], "preprocessing": changed}}
        (tmp_path / "bad" / "model.json").write_text(json.dumps(content))
        assert main(["predict", str(tmp_path / "bad"), str(photos), "--out", str(tmp_path / "d.csv")]) == 2
        assert message in capsys.readouterr().err


DEVICES = """
import sys
import jax
import numpy as np
from pathlib import Path
from jzsl.data.image_folder import pictures_in
from jzsl.extraction.extract import batch_size, extracted
from tests.extraction.conftest import quarters
assert jax.device_count() == 3
size = batch_size(8)
assert size == 9
images = pictures_in(Path(sys.argv[1]))
np.save(sys.argv[2], np.concatenate(list(extracted(images, quarters(None), range(42), size))))
"""


def test_several_devices_share_a_batch(photos, tmp_path):
    """Three forced host devices: the features are those of one device."""
    from jzsl.data.image_folder import pictures_in
    from jzsl.extraction.extract import extracted

    root = Path(__file__).parents[2]
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=3"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", DEVICES, str(photos), str(tmp_path / "x.npy")]
    subprocess.run(command, env=environment, check=True, cwd=root)
    alone = np.concatenate(list(extracted(pictures_in(photos), quarters(None), range(42), 8)))
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), alone, rtol=1e-6)
