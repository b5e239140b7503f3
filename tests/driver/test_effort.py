"""What a run must not do twice: train a predictor, score what the rounds score, move scores, compile a model."""

import dataclasses

import jax
import numpy as np
import pytest
from rich.console import Console

from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver import saved_model, scoring
from jzsl.driver.plan import inductive_trainer, self_trainer
from jzsl.driver.runner import run
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

DATA = LinearGaussian(classes=9, unseen=4, samples_per_class=20, features=6, semantics=4, latents=2)
SELF_TRAINED = Experiment(
    DATA,
    Generative(
        ABP(hidden=8, latent=2, batch_size=32, langevin_steps=2), zsl=Softmax(epochs=2, batch_size=32), per_class=5
    ),
    Train(epochs=1, checkpoint_seconds=0),
    seeds=2,
    self_training=STHS(rounds=2),
)


@pytest.fixture
def fits(monkeypatch):
    """How often a softmax is trained, counted where its compiled program runs."""
    calls, build = [], Softmax.build

    def counted(self):
        classifier = build(self)

        def fit(*arguments):
            jax.debug.callback(lambda: calls.append(1))
            return classifier.fit(*arguments)

        return classifier._replace(fit=fit)

    monkeypatch.setattr(Softmax, "build", counted)
    return calls


def test_a_round_trains_its_predictor_once(fits, tmp_path):
    """Two seeds, three rounds: six predictors, the one of the last round is the one that is saved."""
    run(SELF_TRAINED, tmp_path / "run", False, Console(quiet=True))
    jax.effects_barrier()
    assert len(fits) == 6
    saved = saved_model.load(tmp_path / "run" / "checkpoints" / "seed-0", SELF_TRAINED)
    problem = DATA.load()
    with np.load(tmp_path / "run" / "predictions" / "seed-0.npz") as file:
        kept, samples = file["zsl_scores"], file["zsl_samples"]
    np.testing.assert_allclose(saved.scores(problem.samples[samples]), kept, rtol=1e-4, atol=1e-4)


def test_what_the_rounds_score_is_neither_uploaded_nor_compiled():
    both = dataclasses.replace(SELF_TRAINED, method=S2V(hidden=8), tasks=(ZSL(), GZSL()))
    trainer = self_trainer(DATA.load(), both)
    assert set(trainer.scoring._predictor) == set(trainer.scoring._logits) == {GZSL()}
    assert set(trainer.scoring._queries) == {GZSL()}
    assert self_trainer(DATA.load(), SELF_TRAINED).scoring.query_bytes == 0
    assert inductive_trainer(DATA.load(), dataclasses.replace(both, self_training=None)).scoring.query_bytes > 0


@pytest.mark.parametrize("seeds", [1, 3])
def test_scores_that_replicas_share_come_to_the_host_once(seeds, monkeypatch):
    experiment = dataclasses.replace(SELF_TRAINED, seeds=seeds, parallel_seeds=seeds)
    trainer = self_trainer(DATA.load(), experiment)
    states, _ = trainer.fit(trainer.init(range(seeds)), 0, 1, 1)
    moved, on_host = [], scoring.on_host

    def counted(value):
        moved.append(1)
        return on_host(value)

    monkeypatch.setattr(scoring, "on_host", counted)
    scores = trainer.scores(states)
    for number in range(seeds):
        assert scores.metrics(number)["T1"] > 0
        assert scores.details(number)["class_frequency"]
    assert len(moved) == 2  # the scores, and the details


def test_a_saved_model_compiles_once(tmp_path, monkeypatch):
    experiment = dataclasses.replace(SELF_TRAINED, self_training=None, seeds=1)
    run(experiment, tmp_path / "run", False, Console(quiet=True))
    traces, build = [], Generative.build

    def counted(self, task):
        method = build(self, task)

        def logits(*arguments):
            traces.append(1)
            return method.logits(*arguments)

        return method._replace(logits=logits)

    monkeypatch.setattr(Generative, "build", counted)
    saved = saved_model.load(tmp_path / "run" / "checkpoints" / "seed-0", experiment)
    samples = DATA.load().samples[:7]
    first = saved.scores(samples)
    np.testing.assert_array_equal(saved.scores(samples), first)
    assert len(traces) == 1
