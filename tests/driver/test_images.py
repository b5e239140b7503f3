"""Images go where features go: nothing in the driver knows what a sample is."""

import contextlib
import dataclasses
import json
from unittest.mock import ANY

import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jzsl.cli import main
from jzsl.config import Experiment, Stage, Train
from jzsl.data.digits_images import DigitImages
from jzsl.driver import saved_model
from jzsl.driver.checkpoints import ProgressStore
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.small_cnn import SmallCNN
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.optimizers.adam import Adam
from tests.driver.test_runner import assert_same_run, stopping_after

QUIET = Console(quiet=True)


class NothingLearned:
    """A method whose state is an epoch alone."""

    def build(self, task):
        method = ImageClassifier(SmallCNN((2,))).build(task)
        return method._replace(
            init=lambda key, pool, classes: jnp.int32(0),
            fit=lambda state, pool, classes, epochs, total: (state + epochs, {}),
            adopt=None,
        )


@pytest.fixture(scope="module")
def config() -> Experiment:
    method = ImageClassifier(SmallCNN((8, 16)), optimizer=Adam(1e-2))
    return Experiment(DigitImages(), method, Train(epochs=4, checkpoint_seconds=0), (Adaptation(),), seeds=2)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("images") / "whole"
    return out, run(config, out, False, QUIET)


def test_images_are_learned_resumed_predicted_exported_and_reported(whole, config, tmp_path, monkeypatch):
    out, result = whole
    assert result["A"]["mean"] > 85
    resumed = tmp_path / "resumed"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, 3, KeyboardInterrupt())
        run(config, resumed, False, QUIET)
    run(config, resumed, True, QUIET)
    assert_same_run(resumed, out)

    problem = config.data.load()
    samples = problem.samples[problem.splits.test_seen]
    np.savez(tmp_path / "images.npz", images=samples)
    assert main(["predict", str(out), str(tmp_path / "images.npz"), "--out", str(tmp_path / "one.csv")]) == 0
    assert main(["export", str(out), "--out", str(tmp_path / "model")]) == 0
    exported = [str(tmp_path / "model"), str(tmp_path / "images.npz"), "--out", str(tmp_path / "two.csv")]
    assert main(["predict", *exported]) == 0
    one, two = ((tmp_path / name).read_text().splitlines() for name in ("one.csv", "two.csv"))
    predicted = [line.split(",")[1] for line in one[1:]]
    assert predicted == [line.split(",")[1] for line in two[1:]]
    classes = problem.labels[problem.splits.test_seen]
    per_class = [
        np.mean([p == str(c) for p, y in zip(predicted, classes, strict=True) if y == c]) for c in set(classes)
    ]
    assert 100 * np.mean(per_class) == pytest.approx(result["A"]["values"][0])
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").stat().st_size > 10_000
    np.savez(tmp_path / "floats.npz", images=samples.astype(np.float32))
    assert main(["predict", str(out), str(tmp_path / "floats.npz"), "--out", str(tmp_path / "x.csv")]) == 2


def test_a_pool_of_images_stays_in_bytes(config):
    from jzsl.driver.plan import inductive_trainer

    trainer = inductive_trainer(config.data.load(), config)
    assert trainer._pool.arrays.x.dtype == jnp.uint8
    assert trainer._pool.arrays.x.shape[1:] == (8, 8, 1)


def staged(config, **changes):
    method = dataclasses.replace(config.method, **changes)
    stage = Stage("pretraining", config.method, epochs=6)
    return dataclasses.replace(config, method=method, stages=(stage,), train=Train(epochs=1, checkpoint_seconds=0))


def journal(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_stages_hand_their_variables_on(config, tmp_path):
    """After the epochs of a stage one more classifies better than it does without the stage.

    And a second run takes the stage from the folder of the first, with the same result.
    """
    slow = dataclasses.replace(staged(config, optimizer=Adam(1e-2)), parallel_seeds=2)
    result = run(slow, tmp_path / "staged", False, QUIET)
    plain = run(dataclasses.replace(slow, stages=()), tmp_path / "plain", False, QUIET)
    assert result["A"]["mean"] > plain["A"]["mean"] + 10
    again = run(slow, tmp_path / "again", False, QUIET, stages_from=tmp_path / "staged")
    assert again["A"] == result["A"]
    assert len(set(result["A"]["values"])) == 2
    assert [(line["phase"], line["epoch"]) for line in journal(tmp_path / "again")] == [("final", 1), ("final", 1)]
    assert journal(tmp_path / "staged")[:12] == [
        {"phase": "final", "stage": "pretraining", "seed": seed, "epoch": epoch, "loss": ANY, "training_accuracy": ANY}
        for epoch in range(1, 7)
        for seed in (0, 1)
    ]
    losses = [line["loss"] for line in journal(tmp_path / "staged")[:12]]
    assert losses[10] < losses[0]
    assert main(["report", str(tmp_path / "staged")]) == 0
    assert '<figure id="stage-pretraining"' in (tmp_path / "staged" / "report.html").read_text()
    assert (tmp_path / "again" / "checkpoints" / "stage-final-pretraining-seed-1").is_dir()
    other = dataclasses.replace(slow, stages=(Stage("pretraining", slow.method, epochs=1),))
    assert run(other, tmp_path / "other", False, QUIET, stages_from=tmp_path / "staged")["A"] != result["A"]


def test_warm_self_training_takes_a_stage_over(config, tmp_path):
    """Round 0 goes on from the stage: with a small learning rate one epoch is enough then."""
    slow = dataclasses.replace(staged(config, optimizer=Adam(5e-3)), seeds=1)
    rounds = dataclasses.replace(slow, self_training=STHS(rounds=1, warm=True))
    result = run(rounds, tmp_path / "rounds", False, QUIET)
    unstaged = run(dataclasses.replace(rounds, stages=()), tmp_path / "unstaged", False, QUIET)
    assert result["A"]["mean"] > unstaged["A"]["mean"] + 3


@pytest.fixture(scope="module")
def slow(config) -> Experiment:
    return dataclasses.replace(staged(config), seeds=1, train=Train(epochs=2, checkpoint_seconds=0))


@pytest.fixture(scope="module")
def whole_of_stages(slow, tmp_path_factory):
    out = tmp_path_factory.mktemp("stages") / "whole"
    run(slow, out, False, QUIET)
    return out


@pytest.mark.parametrize("saves", [1, 2, 3])  # within the stage, at its end, after it
def test_stages_resume_bit_for_bit(slow, whole_of_stages, tmp_path, monkeypatch, saves):
    save, count = ProgressStore.save, []

    def stop(self, state, record):
        save(self, state, record)
        count.append(1)
        if len(count) == saves:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressStore, "save", stop)
        with contextlib.suppress(KeyboardInterrupt):
            run(slow, tmp_path / "run", False, QUIET)
    run(slow, tmp_path / "run", True, QUIET)
    assert_same_run(tmp_path / "run", whole_of_stages)
    one, two = (
        saved_model.load(out / "checkpoints" / "seed-0", slow).scores(slow.data.load().samples[:5])
        for out in (tmp_path / "run", whole_of_stages)
    )
    np.testing.assert_array_equal(one, two)


def test_stages_that_do_not_fit_are_refused(config, tmp_path):
    from jzsl.methods.supervised import Supervised

    stage = Stage("first", config.method, 1)
    with pytest.raises(InputError, match="stages: a name is given twice"):
        dataclasses.replace(config, stages=(stage, stage))
    with pytest.raises(InputError, match=r"stages: epochs 0 found"):
        Stage("first", config.method, 0)
    with pytest.raises(InputError, match="Supervised takes no variables over"):
        run(dataclasses.replace(config, method=Supervised(), stages=(stage,)), tmp_path / "run", False, QUIET)
    with pytest.raises(InputError, match="no such folder; expected the folder of a run"):
        run(config, tmp_path / "other", False, QUIET, stages_from=tmp_path / "none")
    with pytest.raises(InputError, match="stages_from: given, but the experiment has no stages"):
        run(config, tmp_path / "other", False, QUIET, stages_from=tmp_path)
    assert not (tmp_path / "other").exists()


def test_a_stage_of_another_network_is_refused_before_it_trains(config, tmp_path):
    other, out = ImageClassifier(SmallCNN((8, 17))), tmp_path / "run"
    named = r"stages: first trains another network .*stage2_block1.*: shape \(17,\) found, expected \(16,\)"
    with pytest.raises(InputError, match=named):
        run(dataclasses.replace(config, stages=(Stage("first", other, 1),)), out, False, QUIET)
    bare = Stage("second", NothingLearned(), 1)
    with pytest.raises(InputError, match="stages: given, but NothingLearned takes no variables over"):
        run(dataclasses.replace(config, stages=(Stage("first", config.method, 1), bare)), out, False, QUIET)
    with pytest.raises(InputError, match="stages: second has no variables of a network for the method after it"):
        run(dataclasses.replace(config, stages=(bare,)), out, False, QUIET)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--data", "Digits"], "samples: of shape 64 found, expected images, height x width x channels"),
        (["--method", "Supervised"], "digits_images: samples of shape (8, 8, 1) found, expected vectors"),
        (
            ["--method.augment", "Normalise", "--method.augment.mean", "0", "0", "--method.augment.std", "1", "1"],
            "augment: images of 1 channels found, expected 2, as mean and std have",
        ),
    ],
)  # fmt: skip
def test_samples_that_do_not_suit_the_method_are_a_line(options, line, tmp_path, capsys):
    assert main(["run", "configs/digits_images.py", *options, "--out", str(tmp_path / "run")]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_supervised_classifier_refuses_unseen_classes():
    from jzsl.tasks.zsl import ZSL

    with pytest.raises(InputError, match="no answer to the task zsl"):
        ImageClassifier().build(ZSL())
    with pytest.raises(InputError, match="channels"):
        SmallCNN(())
    assert DigitImages().load().samples.dtype == np.uint8
    assert Adaptation().seen
