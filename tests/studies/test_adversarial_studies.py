"""Studies of HAS: every row's settings by value, the measures of perturbation by hand, and their tables."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.cli import main
from jzsl.data.digits import Digits
from jzsl.data.digits_images import DigitImages
from jzsl.data.formats.picture import Reading
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.image_folder import ImageFolder
from jzsl.data.per_class import PerClass
from jzsl.errors import InputError
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN
from jzsl.methods.has import HAS
from jzsl.nets.small_cnn import SmallCNN
from jzsl.problem.transforms import Unscaled
from jzsl.studies import adversarial, adversarial_ablation, adversarial_sensitivity, augmentation_harm
from jzsl.studies.adversarial import Recognised, generalized_columns, only_has, runs_of, shift
from jzsl.studies.bases import NAMED
from jzsl.studies.catalogue import study_named
from jzsl.studies.study import StudySetup
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.blur import GaussianBlur
from jzsl.training.augment.colour import ColourJitter
from jzsl.training.augment.crop import ReflectedTranslation
from jzsl.training.augment.cutmix import CutMix
from jzsl.training.augment.cutout import Cutout
from jzsl.training.augment.grey import RandomGrey
from jzsl.training.augment.mixup import MixUp
from jzsl.training.augment.random_rotation import RandomRotation
from jzsl.training.augment.resized_crop import RandomResizedCrop
from jzsl.training.optimizers.adam import Adam
from jzsl.verbs.study import StudyOptions, as_read_by
from jzsl.verbs.study import setup_of as setup_of_options

PROBLEM = PerClass(DigitImages(), train=12, test=6).load()
SAMPLES = AdversarialSamples(2, 8, None, 0.9, 0.7, 0.5, 0.3, 0.1)
TINY = APN(SmallCNN((4,)), optimizer=Adam(1e-2), augment=ReflectedTranslation(1), batch_size=32)
BASE = HAS(TINY, SAMPLES, probability=0.5)


def setup_of(**changes: Any) -> StudySetup:
    return StudySetup(PROBLEM, {"tiny": BASE}, Unscaled(), **{"epochs": 1, "seeds": 2, **changes})


@pytest.fixture
def with_few(monkeypatch):
    """Two of the rows of every kind, as each is compiled."""
    few = {name: each for name, each in adversarial_ablation.variants(BASE, 1).items() if name in ("APN", "HAS")}
    few[adversarial_ablation.AS_MANY_STEPS] = (TINY, 2)
    monkeypatch.setattr(adversarial_ablation, "variants", lambda base, epochs: few)
    harm = augmentation_harm.variants(BASE, (8, 8, 1))
    some = {name: harm[name] for name in ("APN", "ColorJitter 0.4", "MixUp 1", "HAS")}
    monkeypatch.setattr(augmentation_harm, "variants", lambda base, shape: some)
    monkeypatch.setattr(adversarial_sensitivity, "_WEIGHTS", ("robustness",))
    monkeypatch.setattr(adversarial_sensitivity, "WEIGHTS", (0,))
    monkeypatch.setattr(adversarial_sensitivity, "SIZES", (1,))
    monkeypatch.setattr(adversarial_sensitivity, "STEPS", (2,))
    monkeypatch.setattr(adversarial_ablation, "_STAGES", (0, 1))


def test_rows_of_table_2_have_the_weights_of_their_names():
    """Classification, robustness, reliability, attention entropy, attention mass; steps and sizes are the config's."""
    rows = adversarial_ablation.perturbations(SAMPLES)
    assert {
        name: (each.classification, each.robustness, each.reliability, each.attention_entropy, each.attention_mass)
        for name, each in rows.items()
    } == {
        "-L_CLS (ascent)": (-0.9, 0, 0, 0, 0),
        "L_CLS": (0.9, 0, 0, 0, 0),
        "L_CLS + L_ROB": (0.9, 0.7, 0, 0, 0),
        "L_CLS + L_DIV": (0.9, 0, 0, 0.3, 0.1),
        "L_CLS + L_ROB + L_REL": (0.9, 0.7, 0.5, 0, 0),
        "L_CLS + L_DIV + L_REL": (0.9, 0, 0.5, 0.3, 0.1),
        "HAS": (0.9, 0.7, 0.5, 0.3, 0.1),
    }
    assert {(each.steps, each.step_size, each.radius) for each in rows.values()} == {(2, 8, None)}


def test_rows_of_table_2_differ_in_nothing_but_the_perturbation():
    rows = adversarial_ablation.variants(BASE, 10)
    assert rows["APN"] == (TINY, 10)
    assert rows["APN, as many steps"] == (TINY, 15)  # HAS perturbs half of the minibatches
    assert rows["HAS"] == (BASE, 10)
    perturbed = {name: has for name, (has, epochs) in rows.items() if isinstance(has, HAS) and epochs == 10}
    assert perturbed == {
        name: HAS(TINY, samples, 0.5) for name, samples in adversarial_ablation.perturbations(SAMPLES).items()
    }
    assert len(rows) == len(perturbed) + 2


def test_rows_of_table_3_are_the_papers_augmentations_after_the_configs_own():
    rows = augmentation_harm.variants(BASE, (16, 16, 3))
    expected = {
        "ColorJitter 0.2": ColourJitter(0.2, 0.2, 0.2, 0.2),
        "ColorJitter 0.4": ColourJitter(0.4, 0.4, 0.4, 0.4),
        "GrayScale 0.2": RandomGrey(0.2),
        "GrayScale 0.4": RandomGrey(0.4),
        "GaussianBlur, light": GaussianBlur(5, (0.1, 1.0)),
        "GaussianBlur, heavy": GaussianBlur(9, (1.0, 2.0)),
        "RandomRotate 15": RandomRotation(15),
        "RandomRotate 180": RandomRotation(180),
        "RandomCrop 3/4": RandomResizedCrop((0.5625, 0.5625), (1, 1)),
        "RandomCrop 1/2": RandomResizedCrop((0.25, 0.25), (1, 1)),
        "CutOut 1/4": Cutout(4),
        "CutOut 1/2": Cutout(8),
    }
    mixtures = {"MixUp 0.2": MixUp(0.2), "MixUp 1": MixUp(1), "CutMix 0.2": CutMix(0.2), "CutMix 1": CutMix(1)}
    assert rows == {
        "APN": TINY,
        "APN, no augmentation at all": replace(TINY, augment=Sequence()),
        **{name: replace(TINY, augment=Sequence((ReflectedTranslation(1), each))) for name, each in expected.items()},
        **{name: replace(TINY, mix=mix) for name, mix in mixtures.items()},
        "HAS": BASE,
    }


def test_augmentations_fit_the_images():
    grey = augmentation_harm.augmentations(8, 8, 1)
    assert not any("Gray" in name for name in grey)
    assert grey["CutOut 1/4"] == Cutout(2)
    tall = augmentation_harm.augmentations(224, 112, 3)
    assert tall["RandomCrop 1/2"] == RandomResizedCrop((0.25, 0.25), (0.5, 0.5))
    assert augmentation_harm.augmentations(224, 224, 3)["GaussianBlur, heavy"] == GaussianBlur(17, (2.0, 4.0))


def test_sensitivity_changes_one_setting_at_a_time():
    varied = adversarial_sensitivity.settings(replace(SAMPLES, attention_mass=0))
    assert {name: list(values) for name, values in varied.items()} == {
        "step_size": [2, 4, 8, 16, 32],
        "steps": [1, 2, 4, 8],
        "robustness": pytest.approx([0, 0.07, 0.7, 7]),
        "reliability": pytest.approx([0, 0.05, 0.5, 5]),
        "attention_entropy": pytest.approx([0, 0.03, 0.3, 3]),
        "attention_mass": pytest.approx([0, 1e-5, 1e-4, 1e-3]),  # around the default
    }
    for name, values in varied.items():
        for value, samples in values.items():
            assert samples == replace(SAMPLES, **({"attention_mass": 0} | {name: value}))


def test_what_perturbation_changes_by_hand():
    """A feature (3, 4) moved by (0, 1) drifts by a fifth; one without length does not count. p from 1/2 to 1/4."""
    p, q = [0.5, 0.5, 1e-30], [0.25, 0.75, 1e-30]
    before = Recognised(jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.log(jnp.array([p, p])))
    after = Recognised(jnp.array([[3.0, 5.0], [1.0, 0.0]]), jnp.log(jnp.array([q, q])))
    changed = shift(before, after, np.array([0, 1]))
    assert changed.drift == pytest.approx(20)
    assert changed.probability == pytest.approx(0, abs=1e-5)  # one loses 25 points, one gains them
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert changed.entropy == pytest.approx(entropy - np.log(2), rel=1e-5)
    assert shift(before, after, np.array([0, 0])).probability == pytest.approx(-25, rel=1e-5)


def test_the_generalized_task_is_scored_where_the_config_has_it(monkeypatch):
    """An offset larger than any score leaves no seen class."""
    monkeypatch.setattr(adversarial, "calibration_offset", lambda setup, method: 1e6)
    of_zsl = runs_of(setup_of(), TINY).last_metrics()
    of_both = runs_of(setup_of(tasks=(ZSL(), GZSL())), TINY).last_metrics()
    assert generalized_columns(of_zsl) == {}
    assert [each["T1"] for each in of_zsl] == [each["T1"] for each in of_both]
    assert generalized_columns(of_both)["S"] == pytest.approx(np.mean([each["S"] for each in of_both]), abs=0.01)
    calibrated = runs_of(setup_of(tasks=(GZSL(),), calibration=True), TINY).last_metrics()
    assert [(each["U"], each["S"]) for each in calibrated] == [(each["T1"], 0) for each in of_zsl]
    assert of_both[0]["S"] > 0


def test_what_is_not_has_is_refused():
    with pytest.raises(InputError, match=r"base: plain \(APN\) found, expected a config whose method is HAS"):
        only_has(replace(setup_of(), bases={"plain": TINY}))
    with pytest.raises(InputError, match=r"0 steps with probability 0\.5 found, expected a HAS that perturbs images"):
        only_has(replace(setup_of(), bases={"tiny": replace(BASE, samples=replace(SAMPLES, steps=0))}))
    with pytest.raises(InputError, match=r"samples of shape \(64,\), expected images, such as digits_images"):
        only_has(replace(setup_of(), problem=Digits().load()))
    assert only_has(replace(setup_of(), bases={"has": NAMED["has"]})) == {"has": NAMED["has"]}


@pytest.mark.usefixtures("with_few")
def test_the_ablation_compares_with_apn_and_measures_the_drift():
    result = adversarial_ablation.adversarial_ablation(setup_of())
    of = {row["variant"]: row for row in result.rows}
    assert list(of) == ["APN", "HAS", "APN, as many steps", "HAS without L_REL"]
    assert of["HAS"]["vs APN"] == pytest.approx(of["HAS"]["T1"] - of["APN"]["T1"], abs=0.011)
    assert of["APN"]["T1"] == pytest.approx(
        np.mean([metrics["T1"] for metrics in runs_of(setup_of(), TINY).last_metrics()]), abs=0.006
    )
    assert of["APN"]["drift"] is None
    assert 0 < of["HAS"]["drift"] < of["HAS without L_REL"]["drift"]
    assert of["HAS without L_REL"]["T1"] is None
    assert "further, in percent of their length, holds here" in result.answer


@pytest.mark.usefixtures("with_few")
def test_augmentations_are_compared_with_none_and_with_has():
    result = augmentation_harm.augmentation_harm(setup_of())
    of = {row["augmentation"]: row for row in result.rows}
    assert list(of) == ["APN", "ColorJitter 0.4", "MixUp 1", "HAS", "mean of all augmentations"]
    mean = (of["ColorJitter 0.4"]["T1"] + of["MixUp 1"]["T1"]) / 2
    assert of["mean of all augmentations"]["T1"] == pytest.approx(mean, abs=0.011)
    for row in result.rows:
        if row["vs APN"] is not None:
            assert row["vs APN"] == pytest.approx(row["T1"] - of["APN"]["T1"], abs=0.011)
        if row["vs HAS"] is not None:
            assert row["vs HAS"] == pytest.approx(row["T1"] - of["HAS"]["T1"], abs=0.011)
    assert "of 2 augmentations lower APN's mean T1" in result.answer


@pytest.mark.usefixtures("with_few")
def test_the_sensitivity_from_the_command_line(tmp_path, monkeypatch):
    config = tmp_path / "tiny.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.digits_images import DigitImages\n"
        "from jzsl.methods.adversarial_samples import AdversarialSamples\nfrom jzsl.methods.apn import APN\n"
        "from jzsl.methods.has import HAS\nfrom jzsl.nets.small_cnn import SmallCNN\n"
        "CONFIG = Experiment(DigitImages(), HAS(APN(SmallCNN((2,))), AdversarialSamples(steps=1)),"
        " train=Train(epochs=1))\n"
    )
    arguments = ["study", "adversarial-sensitivity", "--config", str(config), "--seeds", "2"]
    monkeypatch.setattr(adversarial_sensitivity, "_draw", lambda figure, *_: figure.subplots())
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert [(row["setting"], row["value"]) for row in saved["rows"]] == [
        ("APN", None), ("step_size", 1), ("steps", 1), ("steps", 2), ("robustness", 0), ("robustness", 1),
    ]  # fmt: skip
    of_config = [row for row in saved["rows"] if row["setting"] != "APN" and row["value"] == 1]
    assert len({row["T1"] for row in of_config}) == 1  # the config's own values are one training
    assert [row["vs config"] for row in of_config] == [None] * 3
    assert saved["data"]["name"] == "digits as images"  # the study's own, without --data


def test_a_config_says_what_is_scored_and_how_pictures_are_read(tmp_path):
    config = tmp_path / "both.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.digits_images import DigitImages\nfrom jzsl.methods.has import HAS\n"
        "from jzsl.tasks.gzsl import GZSL\nfrom jzsl.tasks.zsl import ZSL\n"
        "CONFIG = Experiment(DigitImages(), HAS(), Train(epochs=7), (ZSL(), GZSL()), calibration=True)\n"
    )
    study = study_named("augmentation-harm")[1]
    setup = setup_of_options(StudyOptions("augmentation-harm", tmp_path, config=config), study, print)
    assert (setup.tasks, setup.calibration, setup.epochs, setup.bases) == ((ZSL(), GZSL()), True, 7, {"both": HAS()})
    plain = setup_of_options(StudyOptions("augmentation-harm", tmp_path), study, print)
    assert (plain.tasks, plain.calibration, plain.epochs, plain.bases) == ((ZSL(),), False, 15, {"has": NAMED["has"]})
    small, path = Reading(size=64), Path("others.npz")
    assert as_read_by(ImageBytes(reading=small), ImageBytes(path)) == ImageBytes(path, small)
    assert as_read_by(ImageFolder(reading=small), ImageFolder(Path("photos"))) == ImageFolder(Path("photos"), small)
    assert as_read_by(DigitImages(), ImageBytes(path)) == ImageBytes(path)
    few = PerClass(ImageBytes(reading=small), train=3)
    assert as_read_by(few, ImageBytes(path)) == PerClass(ImageBytes(path, small), train=3)
    assert as_read_by(few, DigitImages()) == DigitImages()


def test_figures_are_drawn_with_spread():
    from matplotlib.figure import Figure

    seeds = [50.0, 60.0]
    varied = adversarial_sensitivity.settings(SAMPLES)
    values = {("tiny", name, value): seeds for name, of in varied.items() for value in of}
    centres = {("tiny", name): getattr(SAMPLES, name) for name in varied}
    figure = Figure()
    adversarial_sensitivity._draw(figure, values, {"tiny": seeds}, centres)
    assert [axes.get_xlabel() for axes in figure.axes] == [name.replace("_", " ") for name in varied]
    assert all(len(axes.collections) == 1 for axes in figure.axes)
    trail = [np.random.default_rng(number).normal(size=(5, 3)) for number in range(3)]
    figure = Figure()
    adversarial_ablation._draw(figure, {("tiny", "APN"): seeds, ("tiny", "HAS"): seeds}, {"with": trail, "out": trail})
    assert [axes.get_title() for axes in figure.axes] == ["", "with", "out"]
    assert all(len(axes.collections) == 3 for axes in figure.axes[1:])


def test_they_are_on_the_command_line():
    for name in ("adversarial-ablation", "augmentation-harm", "adversarial-sensitivity"):
        study = study_named(name)[1]
        assert (study.bases, study.data) == (("has",), "digits_images")
