"""The study of self-supervision: its numbers against the methods themselves and scikit-learn's neighbours."""

import json

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from jzsl.cli import main
from jzsl.data.digits import Digits
from jzsl.data.digits_images import DigitImages
from jzsl.data.per_class import PerClass
from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.probe import Probe
from jzsl.methods.rotnet import RotNet
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.studies.self_supervision import self_supervision
from jzsl.studies.study import StudySetup
from jzsl.training.augment.augment import Sequence
from jzsl.training.optimizers.adam import Adam

PROBLEM = PerClass(DigitImages(unseen=()), train=30, test=10).load()
NETWORK = SmallCNN((8, 8))
BASES = {
    "turns": RotNet(NETWORK, Sequence(), Adam(1e-2), 32),
    "labels": ImageClassifier(NETWORK, optimizer=Adam(1e-2), batch_size=32),
}


@pytest.fixture(scope="module")
def result():
    return self_supervision(StudySetup(PROBLEM, BASES, Unscaled(), 6, 2))


def test_its_table_has_every_probe_of_every_kind_of_features(result):
    kinds = ["raw pixels", "turns, untrained", "turns", "labels, untrained", "labels"]
    assert [(row["features"], row["probe"]) for row in result.rows] == [
        (kind, probe) for kind in kinds for probe in ("linear", "neighbours")
    ]
    of = {(row["features"], row["probe"]): row for row in result.rows}
    assert all(len(row["values"].split()) == 2 and 10 <= row["A"] <= 100 for row in result.rows)
    for probe in ("linear", "neighbours"):
        assert of["turns, untrained", probe]["values"] == of["labels, untrained", probe]["values"]  # the same networks
        assert of["labels", probe]["A"] > of["labels, untrained", probe]["A"] + 3
        assert 30 < of["turns", probe]["rotation accuracy"] <= 100  # chance is 25
        assert of["labels", probe]["rotation accuracy"] is None
        assert of["turns", probe]["seconds"] > 0
    assert "recognises" in result.answer
    assert result.answer.count("that the features of") + result.answer.count("That the features of") == 4


def test_neighbours_of_raw_pixels_are_scikit_learns(result):
    splits, pixels = PROBLEM.splits, PROBLEM.samples.reshape(len(PROBLEM.samples), -1) / 255.0
    scaler = StandardScaler().fit(pixels[splits.train])
    train, test = (scaler.transform(pixels[part]) for part in (splits.train, splits.test_seen))
    neighbours = KNeighborsClassifier(20, metric="cosine").fit(train, PROBLEM.labels[splits.train])
    right = neighbours.predict(test) == PROBLEM.labels[splits.test_seen]
    # Every class has ten test images, so that the mean over classes is the share; ties are broken otherwise.
    assert result.rows[1]["A"] == pytest.approx(100 * np.mean(right), abs=2.5)


def test_what_trains_no_network_of_images_is_refused():
    with pytest.raises(InputError, match="base: probe found, expected a method that trains a network of images"):
        self_supervision(StudySetup(PROBLEM, {"probe": Probe(NETWORK)}, Unscaled(), 1, 1))
    with pytest.raises(InputError, match=r"samples of shape \(64,\), expected images, such as digits_images"):
        self_supervision(StudySetup(Digits(unseen=()).load(), BASES, Unscaled(), 1, 1))


def test_from_the_command_line(tmp_path):
    config = tmp_path / "small.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.digits_images import DigitImages\n"
        "from jzsl.methods.rotnet import RotNet\nfrom jzsl.nets.small_cnn import SmallCNN\n"
        "CONFIG = Experiment(DigitImages(), RotNet(SmallCNN((2,))), Train(epochs=1))\n"
    )
    arguments = ["study", "self-supervision", "--data", "digits_images", "--config", str(config), "--seeds", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert {row["features"] for row in saved["rows"]} == {"raw pixels", "small, untrained", "small"}
    assert saved["bases"]["small"]["network"]["channels"] == [2]
    assert (tmp_path / "out" / "figure.svg").exists()
