"""Parts by their class names: looked up in the config and in their packages, nested, refused, and written back."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from jzsl.classifiers.knn import KNN
from jzsl.cli import main
from jzsl.config import Experiment
from jzsl.driver.load import load_namespace
from jzsl.driver.tune import Grid
from jzsl.errors import InputError
from jzsl.generators.cvae import CVAE
from jzsl.generators.observation_noise import LearnedNoise
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.losses import AVHLoss
from jzsl.methods.probe import Probe
from jzsl.methods.s2v import S2V
from jzsl.methods.supervised import Supervised
from jzsl.nets.conditional_generator import LinearMap
from jzsl.nets.pixels import Pixels
from jzsl.sampling.kernel import Kernel
from jzsl.sampling.preconditioned import Preconditioned
from jzsl.self_training.clustering.pca_kmeans import PCAKMeans
from jzsl.self_training.priors.known import Known
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.mixup import MixUp
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.cosine import Cosine
from jzsl.verbs.parts import as_options, choices, parse, part_of, with_parts
from jzsl.verbs.run import RunOptions

OWN = """
import dataclasses
from dataclasses import dataclass

from jzsl.sampling.kernel import Kernel
from jzsl.sampling.unadjusted import unadjusted
from jzsl.self_training.parts import PriorEstimator, Selector
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.selection.all import all_samples
from jzsl.self_training.sths import STHS
from tests.driver.tiny import CONFIG as TINY


@dataclass(frozen=True)
class Own:
    '''All of them.'''

    strength: float = 0.5
    '''how much'''

    def build(self) -> Selector:
        return Selector(all_samples)


@dataclass(frozen=True)
class CFBS:
    '''Of the same name as one of the package: the config's comes first.'''

    mine: int = 3

    def build(self) -> Selector:
        return Selector(all_samples)


@dataclass(frozen=True)
class OwnPrior:
    def build(self) -> PriorEstimator:
        return Uniform().build()


@dataclass(frozen=True)
class Descent:
    '''A kernel without noise.'''

    shrink: float = 1.0

    def build(self, step_size: float) -> Kernel:
        return unadjusted(self.shrink * step_size, temperature=0.0)


CONFIG = dataclasses.replace(
    TINY, self_training=STHS(2, Own(0.25)), train=dataclasses.replace(TINY.train, epochs=1)
)
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "own.py"
    path.write_text(OWN)
    return path


@pytest.fixture(scope="module")
def namespace(own):
    return load_namespace(own)


def parsed(namespace, *arguments) -> Any:
    return parse(RunOptions, RunOptions(namespace["CONFIG"]), list(arguments), "jzsl run", namespace).experiment


def trained(namespace, **changes):
    return dataclasses.replace(namespace["CONFIG"].self_training, **changes)


CASES = {
    "another class": (("--self-training.selection", "RandomSampling"), {"selection": RandomSampling()}),
    "alias, equals sign": (("--selection=RandomSampling",), {"selection": RandomSampling()}),
    "with its own option": (
        ("--self-training.selection", "PNCFBS", "--self-training.selection.hard-class-fraction", "0.5"),
        {"selection": PNCFBS(0.5)},
    ),
    "inner part before the outer one": (
        ("--prior.clustering", "PCAKMeans", "--prior.reading", "dominant", "--prior", "ThreeC", "--selection=PNCFBS"),
        {"selection": PNCFBS(prior=ThreeC("dominant", PCAKMeans()))},
    ),
    "optional part, and one within it": (
        (
            "--self-training.refinement", "LabelPropagation", "--self-training.refinement.neighbours", "4",
            "--self-training.refinement.mass", "Known", "--self-training.refinement.mass.shares", "1", "2.5", "3",
        ),
        {"refinement": LabelPropagation(4, mass=Known((1, 2.5, 3)))},
    ),
    "schedule": (
        ("--self-training.schedule", "PortionSchedule", "--self-training.schedule.first", "0.3"),
        {"schedule": PortionSchedule(0.3)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_parts_are_exchanged_and_written_back(namespace, case):
    """The options that `as_options` writes give the same experiment again."""
    arguments, changes = CASES[case]
    experiment = parsed(namespace, *arguments)
    assert experiment == dataclasses.replace(namespace["CONFIG"], self_training=trained(namespace, **changes))
    assert parsed(namespace, *as_options(namespace["CONFIG"], experiment)) == experiment


def test_parts_beside_self_training(namespace):
    experiment = parsed(
        namespace, "--method.generator", "CVAE", "--method.generator.hidden", "7", "--self-training", "None",
        "--data", "Xlsa17", "--data.root", "some where", "--no-calibration",
    )  # fmt: skip
    assert experiment.method.generator == CVAE(hidden=7)
    assert experiment.self_training is None
    assert str(experiment.data.root) == "some where"
    assert parsed(namespace, *as_options(namespace["CONFIG"], experiment)) == experiment
    whole = parsed(namespace, "--method", "S2V", "--self-training", "STHS", "--selection", "RandomSampling")
    assert (whole.method, whole.self_training) == (S2V(), STHS(selection=RandomSampling()))
    assert parsed(namespace, *as_options(namespace["CONFIG"], whole)) == whole


def test_tasks_are_named_by_their_classes(namespace):
    """Although their methods return arrays, whose annotations are never the same class twice."""
    config = dataclasses.replace(namespace["CONFIG"], calibration=False)
    experiment = parsed({**namespace, "CONFIG": config}, "--tasks", "GZSL", "ZSL")
    assert experiment.tasks == (GZSL(), ZSL())
    assert dict(choices(config, namespace))["tasks"] == [
        "Adaptation", "Clustering", "ClusteringHeldOut", "Discovery", "DiscoveryHeldOut", "GZSL", "OldHeldOut",
        "UnlabelledPool", "ZSL",
    ]  # fmt: skip


def test_an_experiment_is_no_source_of_itself(namespace):
    """It has a `load` as sources do, and each config file imports it."""
    names = dict(choices(namespace["CONFIG"], {**namespace, "Experiment": Experiment}))["data"]
    assert "Digits" in names
    assert "Experiment" not in names


def test_parts_of_a_generator_and_of_a_supervised_method(namespace):
    """Kernel, noise and network of ABP, one of them the config file's; the loss of a supervised classifier."""
    generator = (
        "--method.generator.kernel", "Preconditioned", "--method.generator.network", "LinearMap",
        "--method.generator.observation-noise", "LearnedNoise", "--method.generator.observation-noise.rate", "0.1",
    )  # fmt: skip
    experiment = parsed(namespace, *generator)
    abp = dataclasses.replace(
        namespace["CONFIG"].method.generator,
        kernel=Preconditioned(),
        observation_noise=LearnedNoise(0.1),
        network=LinearMap(),
    )
    assert experiment.method.generator == abp
    assert parsed(namespace, *as_options(namespace["CONFIG"], experiment)) == experiment
    kernel = ("--method.generator.kernel", "Descent", "--method.generator.kernel.shrink", "0.5")
    own = parsed(namespace, *kernel).method.generator.kernel
    assert own == namespace["Descent"](0.5)
    assert isinstance(own.build(0.3), Kernel)
    loss = ("--method", "Supervised", "--method.loss", "AVHLoss", "--method.loss.scale", "4")
    assert parsed(namespace, *loss).method == Supervised(loss=AVHLoss(4.0))
    for option, other in (("kernel", "MLP"), ("network", "SmallCNN"), ("observation-noise", "CVAE")):
        with pytest.raises(InputError, match=f"--method.generator.{option}: {other} found"):
            parsed(namespace, f"--method.generator.{option}", other)


def test_parts_of_methods_of_images(namespace):
    """Mixture, augmentation and schedule of a classifier; the classifier of a probe."""
    options = (
        "--method", "ImageClassifier", "--method.mix", "MixUp", "--method.mix.alpha", "0.5", "--method.augment",
        "PaddedCrop", "--method.optimizer", "SGD", "--method.optimizer.rate", "Cosine",
    )  # fmt: skip
    expected = ImageClassifier(mix=MixUp(0.5), augment=PaddedCrop(), optimizer=SGD(rate=Cosine()))
    assert parsed(namespace, *options).method == expected
    assert parsed(namespace, "--method", "ImageClassifier", "--method.mix", "None").method == ImageClassifier()
    probe = ("--method", "Probe", "--method.classifier", "KNN", "--method.classifier.neighbours", "5")
    assert parsed(namespace, *probe, "--method.network", "Pixels").method == Probe(Pixels(), KNN(5))
    with pytest.raises(InputError, match="PaddedCrop found, expected one of CutMix, MixUp, RICAP, None"):
        parsed(namespace, "--method", "ImageClassifier", "--method.mix", "PaddedCrop")


def test_the_config_files_classes_come_first(namespace):
    own = parsed(namespace, "--selection", "CFBS", "--self-training.selection.mine", "4").self_training
    assert own is not None
    assert own.selection == namespace["CFBS"](4)
    assert own.selection != CFBS()
    assert parsed(namespace, "--self-training.selection.strength", "0.1").self_training == trained(
        namespace, selection=namespace["Own"](0.1)
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--self-training.selection", "Nothing"), ("--self-training.selection: Nothing", "Own, PNCFBS")),
        (("--selection", "a.b"), ("--self-training.selection: a.b found",)),
        (("--selection",), ("--self-training.selection: 0 names found",)),
        (("--selection", "CFBS", "Own"), ("2 names found",)),
        (("--selection", "ThreeC"), ("ThreeC found", "RandomSampling")),
        (("--selection", "PNCFBS", "--prior", "Own"), ("Own found", "OwnPrior", "ThreeC", "Uniform")),
        (("--self-training.refinement", "none"), ("none found", "LabelPropagation", "SphericalKMeans", "None")),
        (("--selection", "None"), ("None found",)),
    ],
)
def test_names_that_do_not_exist_are_one_line_with_those_that_do(own, tmp_path, capsys, arguments, words):
    assert main(["run", str(own), *arguments, "--out", str(tmp_path / "run")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert all(word in lines[0] for word in words), lines
    assert not (tmp_path / "run").exists()


def test_help_lists_the_names_and_the_options_of_a_part(own, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", str(own), "--selection", "PNCFBS", "-h"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in (
        "--self-training.selection AllSamples | CBST | CBSTAVH | CFBS | CRST | Own | PNCFBS",
        "--self-training.selection.prior BBSE | GroupUniform | Known | OwnPrior | Saerens | ThreeC | Uniform",
        "--self-training.refinement LabelPropagation | SphericalKMeans | None",
        "--method.generator ABP | CVAE | WGAN",
        "--self-training.selection.hard-class-fraction FLOAT",
    ):
        assert words in text


def test_several_parts_in_a_tuple(namespace):
    arguments = [
        "--grid.selections",
        "CFBS",
        "Own",
        "--grid.refinements",
        "None",
        "LabelPropagation",
        "--grid.folds",
        "2",
    ]
    grid, rest = with_parts(Grid(), arguments, namespace, "grid.")
    assert grid.selections == (namespace["CFBS"](), namespace["Own"]())
    assert grid.refinements == (None, LabelPropagation())
    assert rest == ["--grid.folds", "2"]


def test_plain_fields_are_no_parts():
    config = load_namespace(Path(__file__).parents[1] / "driver" / "tiny.py")["CONFIG"]
    plain = {field.name for field in dataclasses.fields(config) if part_of(config, field.name) is None}
    assert {"train", "seeds", "top", "semantics", "memory_gb"} <= plain
    assert not {"data", "method", "self_training"} & plain
