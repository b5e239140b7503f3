"""What the studies of angular hardness on images read, refuse, leave undefined, and train with what."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import jzsl.studies.better_models as better_models_module
import jzsl.studies.domain_adaptation as adaptation
from jzsl.data.digits_domains import DigitsDomains
from jzsl.data.digits_images import DigitImages
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.formats.picture import Reading
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.data.target_supervised import TargetSupervised
from jzsl.driver.load import load_config
from jzsl.errors import InputError
from jzsl.extraction.frozen_maps import FrozenMaps
from jzsl.hardness.dynamics import Dynamics
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.adabn import AdaBN
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.problem import Problem
from jzsl.problem.transforms import Unscaled
from jzsl.studies.better_models import better_models
from jzsl.studies.catalogue import study_named
from jzsl.studies.domain_generalization import domain_generalization
from jzsl.studies.image_dynamics import AGREEMENT, DEGRADATIONS, Bin, _answer, agreement, image_dynamics
from jzsl.studies.study import StudySetup
from jzsl.types import Pool
from jzsl.verbs.study import StudyOptions, as_read_by, setup_of

SMALL = ImageClassifier(SmallCNN((4,)), batch_size=32)
SHIFTED = PerClass(DigitShiftImages(), train=3, test=3).load()
CONFIG = """from jzsl.config import *
from jzsl.data.digits_images import DigitImages
from jzsl.data.digits_shift_images import DigitShiftImages
from jzsl.data.new_classes import NewClasses
from jzsl.data.per_class import PerClass
from jzsl.extraction.frozen_maps import FrozenMaps
from jzsl.methods.k_means import KMeans
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.discovery import Discovery
CONFIG = Experiment({}, KMeans(), Train(epochs=1), (Discovery(),))
"""


def setup_with(problem: Problem, **changes) -> StudySetup:
    return StudySetup(
        problem, **({"bases": {"small": SMALL}, "transform": Unscaled(), "epochs": 1, "seeds": 1} | changes)
    )


@pytest.mark.parametrize(
    "data",
    [
        "NewClasses(DigitImages(unseen=()), ('8', '9'))",
        "FrozenMaps(PerClass(DigitShiftImages(), train=2, test=2), SmallCNN((4,)), 'stage1')",
        "PerClass(NewClasses(DigitImages(unseen=()), ('8', '9')), train=4)",
    ],
)
def test_a_config_without_data_reads_its_own(tmp_path, data):
    (tmp_path / "of.py").write_text(CONFIG.format(data))
    options = StudyOptions("clustering-rivals", tmp_path / "out", config=tmp_path / "of.py")
    setup = setup_of(options, study_named("clustering-rivals")[1], lambda text: None)
    assert setup.problem.hash == load_config(tmp_path / "of.py").data.load().hash


def test_other_pictures_are_wrapped_as_a_config_wraps_its_own():
    """A source around another one stays: maps, an upper bound, new classes."""
    small, path = Reading(size=8), Path("other.npz")
    inside, expected = ImageBytes(reading=small, target="sketch"), ImageBytes(path, small, target="sketch")
    for wrap in (FrozenMaps, TargetSupervised, NewClasses, lambda data: PerClass(FrozenMaps(data), train=3)):
        assert as_read_by(wrap(inside), ImageBytes(path)) == wrap(expected)
    assert as_read_by(FrozenMaps(inside), DigitShiftImages()) == FrozenMaps(DigitShiftImages())
    assert as_read_by(TargetSupervised(inside), DigitShiftImages()) == DigitShiftImages()


def test_data_that_name_a_target_leave_no_domain_out_again():
    """Its domain would never be trained on, which the table would not show."""
    with pytest.raises(InputError, match="domains: no training samples in 'turned', expected some in every domain"):
        domain_generalization(setup_with(DigitsDomains("turned").load()))


def test_maps_are_no_images():
    """Degradations are of pixels in eight bits."""
    images = DigitsDomains().load()
    maps = replace(images, samples=images.samples.astype(np.float16))
    with pytest.raises(InputError, match=r"float16 samples of shape \(8, 8, 1\), expected images"):
        image_dynamics(setup_with(maps))


def test_networks_of_one_length_count_once():
    """A third of one epoch is one epoch: two bases are then two networks, too few for a line."""
    problem = DigitImages(unseen=()).load()
    with pytest.raises(InputError, match="base: 2 found, expected 4 or more for 1 epochs"):
        better_models(setup_with(problem, bases={"one": SMALL, "two": replace(SMALL, batch_size=16)}))


def test_easy_images_are_those_that_every_network_and_seed_recognises(monkeypatch):
    """Two seeds of four planted networks; the last image alone is missed, by one seed of one network."""

    def planted(setup, name, base, lengths):
        number = int(name)
        right = np.ones((2, 3), bool)
        right[1, 2] = number != 2
        avh = np.array([0.1, 0.2, 0.6]) - 0.01 * number + np.zeros((2, 1))
        yield better_models_module.Network(name, 3, [50.0 + number, 52.0 + number], avh, avh, avh, right)

    monkeypatch.setattr(better_models_module, "_trained", planted)
    problem, bases = DigitImages(unseen=()).load(), {str(number): SMALL for number in range(4)}
    result = better_models(setup_with(problem, bases=bases, epochs=3))
    assert [row["AVH easy"] for row in result.rows] == pytest.approx([0.15, 0.14, 0.13, 0.12])
    assert [row["AVH hard"] for row in result.rows] == pytest.approx([0.6, 0.59, 0.58, 0.57])
    assert "2 of 3 test images are recognised by every network and seed" in result.notes
    assert result.answer.count("it holds here (slope -0.1000") == 3


def test_voters_are_other_models_on_halves_of_the_training_images():
    """Their seeds are none of the measured ones; two of four voters recognise the first image, all the second."""
    calls = []

    def trained(seed, pool):
        calls.append((seed, np.asarray(pool.w)))
        return len(calls)

    def scores(number, pool):
        return np.array([[number % 2, 0.5], [0.0, 1.0]])

    pool = Pool(np.zeros((400, 1)), np.zeros(400, np.int32), np.ones(400, np.int32))
    harness: Any = SimpleNamespace(pool=pool, truth=np.array([0, 1]), trained=trained, scores=scores)
    frequency, note = agreement(setup_with(SHIFTED, seeds=3), {"one": harness, "two": harness})
    assert [seed for seed, _ in calls] == [3, 4, 3, 4]
    assert all(150 < w.sum() < 250 for _, w in calls)
    assert (calls[0][1] != calls[1][1]).any()
    np.testing.assert_array_equal(frequency, [0.5, 1])
    assert "4 other models" in note


def test_observations_of_one_network_one_epoch_or_one_bin_are_undefined():
    bins = (Bin(AGREEMENT, "0.8 to 1.0", 5), *(Bin(by, name, 5) for by in DEGRADATIONS for name in ("0", "1")))

    def rising(epochs, sign=1.0):
        """Norm and accuracy rise, AVH falls, by epoch and, with a sign, by bin."""
        values = np.arange(1, epochs + 1)[:, None] + 0.1 * np.arange(len(bins))
        return Dynamics(values, values, -sign * values, values, values, values, sign * values)

    text = _answer({"one": rising(1)}, bins)
    for number in range(1, 5):
        assert f"(observation {number}) is undefined here" in text
    text = _answer({"one": rising(3)}, bins)
    for number in range(1, 4):
        assert f"(observation {number}) is undefined here" in text
    assert "(observation 4) holds here" in _answer({"one": rising(3), "two": rising(3, -1.0)}, bins)


def test_source_only_and_the_upper_bound_are_without_adabn(monkeypatch):
    """What each row of the study trains, with how many rounds; the bound trains on target samples."""
    base, trained = replace(SMALL, adabn=AdaBN()), []

    def recorded(setup, method, sths=None):
        trained.append((method, None if sths is None else sths.rounds, setup.problem.splits.train))
        return adaptation._Trained(np.ones((1, 3)), {"0": 1.0}, [])

    monkeypatch.setattr(adaptation, "_train", recorded)
    monkeypatch.setattr(adaptation, "_inductive", recorded)
    result = adaptation.domain_adaptation(setup_with(SHIFTED, bases={"net": base}, rounds=2))
    source, *rounds, bound = trained
    assert source[:2] == (SMALL, 0)
    assert {each[:2] for each in rounds} == {(base, 2)}
    assert bound[:2] == (SMALL, None)
    assert set(bound[2]) <= set(SHIFTED.splits.test_seen)
    assert [row["selection"] for row in (result.rows[0], result.rows[-1])] == ["source only", adaptation._UPPER]


def test_the_upper_bound_lacks_a_class_that_the_target_lacks():
    """Accuracies keep the names of their classes."""
    splits = SHIFTED.splits
    kept = splits.test_seen[SHIFTED.labels[splits.test_seen] != 0]
    problem = replace(SHIFTED, splits=splits._replace(test_seen=kept))
    bound = adaptation.target_supervised(problem)
    trained = adaptation._inductive(setup_with(bound), SMALL)
    assert list(trained.classes) == [str(digit) for digit in range(1, 10)]
    assert "A of 9" in adaptation._columns(trained, 1.0)
