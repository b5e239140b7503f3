"""RotNet as a stage of a run: then a probe, or a classifier of which a part learns; resumed, predicted, refused."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.config import Experiment, Stage, Train
from jzsl.data.digits_images import DigitImages
from jzsl.data.per_class import PerClass
from jzsl.driver import saved_model
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.probe import Probe
from jzsl.methods.rotnet import RotNet
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.resnet import ResNet
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.optimizers.adam import Adam
from tests.driver.test_runner import assert_same_run, stopping_after

QUIET = Console(quiet=True)
NETWORK = ResNet((1, 1), 0.125)


@pytest.fixture(scope="module")
def config() -> Experiment:
    stage = Stage("rotnet", RotNet(NETWORK, Sequence(), Adam(1e-2), 32), epochs=3)
    return Experiment(
        PerClass(DigitImages(unseen=()), train=20),
        Probe(NETWORK),
        Train(epochs=1, checkpoint_seconds=0),
        (Adaptation(),),
        seeds=2,
        stages=(stage,),
    )


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("rotnet") / "whole"
    return out, run(config, out, False, QUIET)


def model(out, config, seed=0):
    return saved_model.load(out / "checkpoints" / f"seed-{seed}", config)


def test_a_probe_of_rotnet_is_run_resumed_predicted_and_reported(whole, config, tmp_path, monkeypatch):
    out, result = whole
    assert result["A"]["mean"] > 40  # chance is 10
    resumed = tmp_path / "resumed"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, 1, KeyboardInterrupt())
        run(config, resumed, False, QUIET)
    run(config, resumed, True, QUIET)
    assert_same_run(resumed, out)
    problem = config.data.load()
    samples, labels = (part[problem.splits.test_seen] for part in (problem.samples, problem.labels))
    np.savez(tmp_path / "images.npz", images=samples)
    assert main(["predict", str(out), str(tmp_path / "images.npz"), "--out", str(tmp_path / "one.csv")]) == 0
    lines = (tmp_path / "one.csv").read_text().splitlines()[1:]
    right = np.array([line.split(",")[1] for line in lines]) == labels.astype(str)
    per_class = [np.mean(right[labels == label]) for label in range(10)]
    assert 100 * np.mean(per_class) == pytest.approx(result["A"]["values"][0])
    assert main(["report", str(out)]) == 0


def test_the_probed_network_is_the_one_that_rotnet_trained(whole, config, tmp_path):
    """Fewer epochs of RotNet give other features of the same seed; none give others again."""
    out, _ = whole
    shorter = dataclasses.replace(config, stages=(dataclasses.replace(config.stages[0], epochs=1),), seeds=1)
    untrained = dataclasses.replace(config, stages=(), seeds=1)
    run(shorter, tmp_path / "shorter", False, QUIET)
    run(untrained, tmp_path / "untrained", False, QUIET)
    samples = config.data.load().samples[:5]
    scores = [
        model(folder, of).scores(samples)
        for folder, of in ((out, config), (tmp_path / "shorter", shorter), (tmp_path / "untrained", untrained))
    ]
    for number, one in enumerate(scores):
        for two in scores[:number]:
            assert np.abs(one - two).max() > 1e-2


def test_a_part_of_the_network_is_tuned_after_rotnet(whole, config, tmp_path):
    """RotNet's stage is taken from the other run; its first blocks stay, bit for bit."""
    method = ImageClassifier(
        NETWORK, optimizer=Adam(1e-2), learned=("stage2",), others=BatchNormPolicy.running, batch_size=32
    )
    tuned = dataclasses.replace(config, method=method, train=Train(epochs=8, checkpoint_seconds=0), seeds=1)
    result = run(tuned, tmp_path / "tuned", False, QUIET, stages_from=whole[0])
    assert result["A"]["mean"] > 30
    before = model(whole[0], config).predictor.variables["params"]
    after = model(tmp_path / "tuned", tuned).predictor.variables["params"]
    for block, kernel in (("stem", "conv"), ("stage1_block1", "conv1"), ("stage2_block1", "conv1")):
        same = np.array_equal(before[block][kernel]["kernel"], after[block][kernel]["kernel"])
        assert same == (block != "stage2_block1")


def test_rotnet_alone_is_refused_before_anything_is_trained(config, tmp_path):
    alone = dataclasses.replace(config, method=config.stages[0].method, stages=())
    with pytest.raises(InputError, match="RotNet predicts turns of images, no classes; name it in `stages`"):
        run(alone, tmp_path / "alone", False, QUIET)
    assert not (tmp_path / "alone").exists()
