"""Self-training in the other settings: one mixed pool, a separate pool in the generalized task, another domain."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jzsl.classifiers.outlier_exposure import OutlierExposure
from jzsl.classifiers.prototype import Prototype
from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment, Train
from jzsl.data.digits_shift import DigitsShift
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver import saved_model
from jzsl.driver.checkpoints import ProgressStore
from jzsl.driver.load import load_config
from jzsl.driver.plan import self_trainer
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.evaluation.views import strict_transductive, transductive
from jzsl.generators.abp import ABP
from jzsl.generators.wgan import WGAN
from jzsl.methods.gated import Gated
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.methods.supervised import Supervised
from jzsl.problem.transforms import Unscaled
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.schedules.linear import LinearSchedule
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.all import AllSamples
from jzsl.self_training.selection.cbst_avh import CBSTAVH
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.crst import CRST
from jzsl.self_training.selection.pn_cfbs_avc import PNCFBSAVC
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

QUIET = Console(quiet=True)
DATA = LinearGaussian(classes=9, unseen=4, samples_per_class=30, features=8, semantics=4, latents=2)
BASES = {
    "s2v": S2V(hidden=16, batch_size=32),
    "abp": Generative(
        ABP(hidden=16, latent=2, batch_size=32, langevin_steps=2), gzsl=Softmax(epochs=3, batch_size=64), per_class=20
    ),
    "wgan": Generative(WGAN(hidden=16, latent=2, batch_size=32, critic_steps=2), gzsl=Prototype(), per_class=20),
}


def start(sths, method, view):
    training: Any = sths.build(method, view.labelled, view.unlabelled)
    candidates = view.candidates._replace(offset=np.where(view.candidates.open, np.float32(0.5), np.float32(0)))
    arrays = jax.device_put((view.pool, view.classes, candidates))
    parameters = sths.parameters(int(view.candidates.open.sum()))
    prepared = sths.prepare(view.pool.x[view.labelled :], len(view.candidates.classes))
    return training, arrays, training.init(jax.random.key(0), *arrays, prepared, parameters)


@pytest.mark.parametrize(
    "selection",
    [
        RandomSampling(),
        AllSamples(),
        CFBS(0.5),
        PNCFBSAVC(0.5, Uniform()),
        CBSTAVH(),
        CRST(),
    ],
)  # the selectors themselves are tested for eligibility one by one
def test_strict_rounds_take_only_rows_predicted_as_unseen(selection):
    """In one compilation; of as many rows as the base puts among the unseen classes."""
    view = strict_transductive(DATA.load())
    sths = STHS(3, selection, strict=True)
    training, arrays, state = start(sths, BASES["s2v"].build(GZSL()), view)
    traces = []

    @jax.jit
    def step(*arguments):
        traces.append(1)
        return training.step(*arguments)

    candidates = np.asarray(view.candidates.classes)
    np.testing.assert_array_equal(candidates[view.candidates.open], view.unseen)
    for t in range(4):
        before = np.isin(candidates[np.asarray(state.predictions.label)], view.unseen)
        state, metrics = step(state, *arrays, 5)
        selected = np.asarray(state.w)[view.labelled :]
        if t:
            assert selected[~before].sum() == 0
            if not isinstance(selection, AllSamples | CBSTAVH | CRST):
                assert selected.sum() == before.sum() // 3 * t
            if not isinstance(selection, CRST):  # it has some mass on every class
                assert np.isin(np.asarray(state.y)[view.labelled :][selected > 0], view.unseen).all()
        assert float(metrics["selected"]) == selected.sum()
    assert len(traces) == 1


def test_the_calibration_offset_is_in_the_predictions():
    view = strict_transductive(DATA.load())
    sths = STHS(1, strict=True)
    method = BASES["s2v"].build(GZSL())
    training, arrays, state = start(sths, method, view)
    state, _ = training.step(state, *arrays, 3)
    predictor = method.predictor(state.model, arrays[0], arrays[1], view.unseen)
    plain = method.logits(predictor, view.pool.x[view.labelled :], view.candidates.classes)
    np.testing.assert_allclose(state.predictions.scores - plain, 0.5 * np.tile(view.candidates.open, (len(plain), 1)),
                               atol=1e-5)  # fmt: skip


def test_portions_grow_as_told():
    def counts(config, rounds, eligible, ts):
        schedule = config.build()
        count = jax.jit(schedule.samples)
        return [int(count(schedule.parameters, jnp.int32(t), jnp.int32(rounds), jnp.int32(eligible))) for t in ts]

    assert counts(PortionSchedule(0.2, 0.15, 0.4), 5, 1000, range(5)) == [0, 200, 350, 400, 400]
    assert counts(LinearSchedule(), 7, 100, (0, 1, 7)) == [0, 14, 98]


def test_soft_labels_reach_the_loss_or_are_drawn():
    """CRST's soft labels go to a base that takes them; another base gets labels drawn from them."""
    problem = DigitsShift().load()
    experiment = Experiment(
        DigitsShift(), Supervised(32), Train(epochs=3), (Adaptation(),), transform=Unscaled(), seeds=1,
        self_training=STHS(2, CRST(), PortionSchedule(0.3, 0.1, 0.5)),
    )  # fmt: skip
    trainer = self_trainer(problem, experiment)
    state = trainer.init((0,))
    for done in range(0, 9, 3):
        state, _ = trainer.fit(state, done, 3, 3)
    labelled = trainer.view.labelled
    rows = labelled + trainer.view.unlabelled
    soft, w = np.asarray(state.soft)[0, :rows], np.asarray(state.w)[0, :rows]
    np.testing.assert_array_equal(soft[:labelled], np.eye(10)[problem.labels[problem.splits.train]])
    np.testing.assert_allclose(soft[labelled:].sum(1), 1.1, rtol=1e-5)
    assert w[labelled:].sum() > 100
    other = transductive(DATA.load())
    sths = STHS(2, CRST(lrent=0.0))
    training, arrays, state = start(sths, BASES["s2v"].build(ZSL()), other)
    for _ in range(2):
        state, _ = training.step(state, *arrays, 2)
    begun = training.begin(state, *arrays)
    assert begun.soft is None
    drawn = np.asarray(begun.y)[other.labelled :]
    argmax = other.unseen[np.asarray(state.predictions.label)]
    assert 0.7 < np.mean(drawn == argmax) < 1  # 9 % of the mass is on all classes


@pytest.mark.parametrize("base", BASES)
def test_strict_run_with_calibration(base, tmp_path):
    """The factor comes from validation classes, and reaches the rounds and the saved model."""
    experiment = Experiment(
        DATA, BASES[base], Train(epochs=3, checkpoint_seconds=0), (GZSL(),), calibration=True, seeds=2,
        self_training=STHS(2, CFBS(0.5), strict=True),
    )  # fmt: skip
    result = run(experiment, tmp_path / "run", False, QUIET)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    offsets = [row["offset"] for row in rows if row["phase"] == "validation" and row["epoch"] == 3]
    assert result["offset"] == pytest.approx(np.median(offsets))
    assert result["setting"] == "transductive (strict)"
    last = [row for row in rows if row["phase"] == "final" and row["round"] == 2]
    assert result["H"]["values"] == [row["H"] for row in last]
    saved = saved_model.load(tmp_path / "run" / "checkpoints" / "seed-0", experiment)
    view = strict_transductive(DATA.load())
    assert set(saved.offsets[np.isin(saved.candidates, view.unseen)]) == {np.float32(result["offset"])}
    assert not saved.offsets[np.isin(saved.candidates, view.seen)].any()


@pytest.fixture(scope="module")
def strict() -> Experiment:
    return Experiment(
        DATA, BASES["s2v"], Train(epochs=2, checkpoint_seconds=0), (GZSL(),), calibration=True, seeds=1,
        self_training=STHS(2, CFBS(0.5), strict=True),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(strict, tmp_path_factory):
    return run(strict, tmp_path_factory.mktemp("strict") / "whole", False, QUIET)


@pytest.mark.parametrize("saves", [1, 5])  # in the validation phase, in the rounds
def test_strict_run_resumes_bit_for_bit(strict, whole, saves, tmp_path, monkeypatch):
    """Also from the validation phase, whose state is another one."""
    save, count = ProgressStore.save, []

    def stop(self, state, record):
        save(self, state, record)
        count.append(1)
        if len(count) == saves:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ProgressStore, "save", stop)
        run(strict, tmp_path / "run", False, QUIET)
    result = run(strict, tmp_path / "run", True, QUIET)
    assert {**result, "duration_s": 0} == {**whole, "duration_s": 0}


def test_inductive_calibration_moves_u_and_s_but_not_the_area(tmp_path):
    plain = Experiment(DATA, BASES["s2v"], Train(epochs=5), (GZSL(),), seeds=2)
    one = run(plain, tmp_path / "plain", False, QUIET)
    two = run(dataclasses.replace(plain, calibration=True), tmp_path / "calibrated", False, QUIET)
    assert one["offset"] is None
    assert two["offset"] > 0
    assert two["AUSUC"]["values"] == pytest.approx(one["AUSUC"]["values"])
    assert two["U"]["mean"] > one["U"]["mean"]
    assert two["S"]["mean"] <= one["S"]["mean"]


def test_separate_pool_run_reports_both_tasks(tmp_path):
    experiment = Experiment(
        DATA,
        Gated(BASES["s2v"], Softmax(epochs=3, batch_size=64), OutlierExposure(hidden=16, epochs=3)),
        Train(epochs=3, checkpoint_seconds=0),
        (GZSL(), ZSL()),
        seeds=1,
        self_training=STHS(2, CFBS(0.5)),
    )
    result = run(experiment, tmp_path / "run", False, QUIET)
    assert {"H", "AUROC_test", "FPR95_test", "H_group_known", "T1"} <= set(result)
    assert result["setting"] == "transductive (unseen pool separate)"
    saved = saved_model.load(tmp_path / "run" / "checkpoints" / "seed-0", experiment, "gzsl")
    problem = DATA.load()
    scores = saved.scores(problem.samples[problem.splits.test_seen])
    assert scores.shape == (len(problem.splits.test_seen), 9)


def test_angles_need_a_base_that_has_them():
    view = transductive(DATA.load())
    blind = BASES["s2v"].build(ZSL())._replace(embedding=None)
    with pytest.raises(InputError, match="selection: CBSTAVH found"):
        STHS(selection=CBSTAVH()).build(blind, view.labelled, view.unlabelled)


@pytest.mark.parametrize(
    "name",
    ["digits_adaptation", "xlsa17_gzsl", "xlsa17_gzsl_transductive", "xlsa17_gzsl_strict", "xlsa17_gzsl_strict_wgan"],
)
def test_shipped_configs_load(name):
    assert load_config(Path(__file__).parents[2] / "configs" / f"{name}.py").tasks[0] != ZSL()
