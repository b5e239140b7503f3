"""Self-training: what each round trains on, restarts, one compilation, and runs that resume."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jzsl.classifiers.prototype import Prototype
from jzsl.classifiers.softmax import Softmax
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver.checkpoints import ProgressStore
from jzsl.driver.load import load_config
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import transductive
from jzsl.generators.abp import ABP
from jzsl.generators.cvae import CVAE
from jzsl.generators.wgan import WGAN
from jzsl.methods.ale import ALE
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.methods.sae import SAE
from jzsl.self_training.clustering.pca_kmeans import PCAKMeans
from jzsl.self_training.priors.bbse import BBSE
from jzsl.self_training.priors.known import Known
from jzsl.self_training.priors.saerens import Saerens
from jzsl.self_training.priors.three_c import ThreeC
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.refinement.spherical_kmeans import SphericalKMeans
from jzsl.self_training.round_predictions import averaged
from jzsl.self_training.rounds import self_train
from jzsl.self_training.schedules.linear import LinearSchedule
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.cbst import CBST
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.state import Prepared, RoundParameters
from jzsl.self_training.sths import STHS
from jzsl.tasks.adaptation import Adaptation
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.training.minibatch import labelled
from jzsl.types import UNLABELLED, PerSample, Predictions

QUIET = Console(quiet=True)
BASES = {
    "abp": Generative(
        ABP(hidden=16, latent=2, batch_size=32, langevin_steps=2), zsl=Prototype(), per_class=20, zsl_noise=False
    ),
    "wgan": Generative(
        WGAN(hidden=16, latent=2, batch_size=32, critic_steps=2), zsl=Softmax(epochs=3, batch_size=32), per_class=20
    ),
    "cvae": Generative(CVAE(hidden=16, latent=2, batch_size=32), zsl=Prototype(), per_class=20, zsl_noise=False),
    "s2v": S2V(hidden=16, batch_size=32),
    "sae": SAE(),
    "ale": ALE(batch_size=32),
    "eszsl": ESZSL(),
}


@pytest.fixture(scope="module")
def problem():
    return LinearGaussian(classes=9, unseen=4, samples_per_class=30, features=8, semantics=4, latents=2).load()


@pytest.fixture(scope="module")
def view(problem):
    return transductive(problem)


@pytest.fixture(scope="module")
def arrays(view):
    return jax.device_put((view.pool, view.classes, view.candidates))


def make(view, base="s2v", warm=False) -> Any:
    method = BASES[base].build(ZSL())
    return self_train(method, CFBS().build(), LinearSchedule().build(), view.labelled, view.unlabelled, warm=warm)


def start(training, view, arrays, seed=0, rounds=3, hard=2):
    del view
    parameters = RoundParameters(jnp.int32(rounds), jnp.int32(hard), ())
    return training.init(jax.random.key(seed), *arrays, Prepared(), parameters)


@pytest.mark.parametrize("base", BASES)
def test_rounds_grow_by_the_floor_and_one_compilation_serves_them(view, arrays, base):
    training, traces = make(view, base), []

    @jax.jit
    def step(*arguments):
        traces.append(1)
        return training.step(*arguments)

    state = start(training, view, arrays, rounds=7)
    for t in range(8):
        previous = state
        state, metrics = step(state, *arrays, 2)
        assert float(metrics["selected"]) == view.unlabelled // 7 * t
        assert int(state.round) == t + 1
        share = float(jnp.mean(state.predictions.label != previous.predictions.label)) if t else 1.0
        assert float(metrics["changed"]) == pytest.approx(share)
        frequency = np.bincount(state.predictions.label, minlength=4) / view.unlabelled
        expected = -sum(f * np.log(f) for f in frequency if f > 0)
        assert float(metrics["frequency_entropy"]) == pytest.approx(expected, abs=1e-5)
    assert len(traces) == 1


def test_a_round_trains_on_the_selected_rows_with_the_last_rounds_labels(view, arrays):
    training = make(view)
    state, _ = training.step(start(training, view, arrays), *arrays, 2)
    begun = training.begin(state, *arrays)
    rows = slice(view.labelled, view.labelled + view.unlabelled)
    np.testing.assert_array_equal(begun.y[: view.labelled], view.pool.y[: view.labelled])
    np.testing.assert_array_equal(begun.w[: view.labelled], 1)
    np.testing.assert_array_equal(begun.y[rows], view.unseen[np.asarray(state.predictions.label)])
    selected = np.asarray(begun.w[rows])
    assert selected.sum() == view.unlabelled // 3
    frequency = np.bincount(state.predictions.label, minlength=4)
    hard = [c for c in np.argsort(frequency, kind="stable") if frequency[c]][:2]
    assert set(np.asarray(state.predictions.label)[selected > 0]) <= set(hard)


def test_samples_that_are_not_selected_stay_unlabelled_samples(view, arrays):
    """They have no label, and a multiplicity of 1; methods that learn from labels drop them at their door."""
    training = make(view)
    state, _ = training.step(start(training, view, arrays), *arrays, 2)
    begun = training.begin(state, *arrays)
    selected = np.asarray(begun.w)[view.labelled :] > 0
    assert 0 < selected.sum() < len(selected)
    whole = training.pool_of(begun, arrays[0])
    np.testing.assert_array_equal(labelled(whole).w, begun.w)
    np.testing.assert_array_equal(whole.y[view.labelled :][~selected], UNLABELLED)
    np.testing.assert_array_equal(whole.w[view.labelled :][~selected], 1)
    np.testing.assert_array_equal(whole.y[view.labelled :][selected], begun.y[view.labelled :][selected])
    np.testing.assert_array_equal(whole.y[: view.labelled], view.pool.y[: view.labelled])


def test_more_rounds_than_samples_are_refused(view, arrays):
    """floor(M / T) is 0: no round would select a sample."""
    method = BASES["s2v"].build(ZSL())
    for sths in (
        STHS(view.unlabelled + 1),
        STHS(view.unlabelled + 1, RandomSampling()),
        STHS(2, CBST(), PortionSchedule(0.1 / view.unlabelled, 0, 0.5)),
    ):
        with pytest.raises(InputError, match=f"rounds: {sths.rounds} found for {view.unlabelled} unlabelled samples"):
            sths.build(method, view.labelled, view.unlabelled)
    training: Any = STHS(view.unlabelled).build(method, view.labelled, view.unlabelled)
    state = start(training, view, arrays, rounds=view.unlabelled)._replace(round=jnp.int32(1))
    assert int(training.begin(state, *arrays).w[view.labelled :].sum()) == 1


def test_cold_restart_trains_anew_and_warm_goes_on(view, arrays):
    for warm in (False, True):
        training = make(view, "abp", warm=warm)
        state, _ = training.step(start(training, view, arrays), *arrays, 2)
        # Between rounds 1 and 2 one row's label changes.
        state = training.step(state, *arrays, 2)[0]
        label = state.predictions.label
        y = state.y.at[view.labelled :].set(view.unseen[np.asarray(label)])
        frozen = state._replace(labels=PerSample(state.labels.values._replace(y=y)))
        frozen = frozen._replace(predictions=state.predictions._replace(label=label.at[5].set((label[5] + 1) % 4)))
        before, after = frozen.model.generator, training.begin(frozen, *arrays).model.generator
        moved = np.flatnonzero((np.asarray(before.latents.values) != np.asarray(after.latents.values)).any(1))
        same = jax.tree.map(lambda a, b: bool((a == b).all()), before.params, after.params)
        if warm:
            np.testing.assert_array_equal(moved, [view.labelled + 5])
            assert all(jax.tree.leaves(same))
            assert int(after.epoch) == 4
        else:
            assert len(moved) == len(before.latents.values)
            assert int(after.epoch) == 0


def test_unselected_rows_have_no_influence(view, arrays):
    """Round 0 equals inductive training, whatever the unlabelled features are."""
    training = make(view)
    pool, classes, candidates = arrays
    other = pool._replace(x=pool.x.at[view.labelled :].set(3.0))
    one, _ = training.step(start(training, view, arrays), *arrays, 3)
    two, _ = training.step(start(training, view, (other, classes, candidates)), other, classes, candidates, 3)
    jax.tree.map(np.testing.assert_array_equal, one.model.params, two.model.params)


def test_self_training_helps_where_classes_form_groups():
    """Well separated classes: from a weak base the rounds reach a better accuracy, over three seeds."""
    source = LinearGaussian(classes=12, unseen=5, samples_per_class=40, features=16, semantics=6, latents=1, sigma=0.15)
    problem = source.load()
    view = transductive(problem)
    protocol, arrays = Protocol(problem, view), jax.device_put((view.pool, view.classes, view.candidates))
    method = S2V(hidden=64, batch_size=32).build(ZSL())
    training: Any = self_train(method, CFBS().build(), LinearSchedule().build(), view.labelled, view.unlabelled)
    step, gains = jax.jit(training.step), []
    for seed in range(3):
        state, numbers = start(training, view, arrays, seed, rounds=5, hard=4), []
        for _ in range(6):
            state, _ = step(state, *arrays, 8)
            numbers.append(protocol.score(ZSL(), np.asarray(state.predictions.scores))["T1"])
        gains.append(numbers[-1] - numbers[0])
    assert np.mean(gains) > 3, gains


@pytest.mark.parametrize(
    "refinement",
    [
        None,
        LabelPropagation(5),
        LabelPropagation(5, mass=Uniform()),
        LabelPropagation(5, mass=Saerens()),
        SphericalKMeans(),
    ],
)
def test_rounds_select_by_refined_predictions(view, arrays, refinement):
    sths = STHS(rounds=3, selection=CFBS(0.5), refinement=refinement)
    training: Any = sths.build(BASES["s2v"].build(ZSL()), view.labelled, view.unlabelled)
    state, _ = jax.jit(training.step)(start(training, view, arrays), *arrays, 3)
    x = arrays[0].x[view.labelled :]
    base = state.predictions.scores if refinement is None else state.unrefined
    expected = Predictions(base, jnp.argmax(base, 1).astype(jnp.int32))
    if refinement is not None:
        refiner = refinement.build()
        mass = refiner.prior.estimate(None, expected, None) if refiner.prior else jnp.full(4, 0.25)
        expected = refiner.refine(refiner.prepare(x) if refiner.prepare else None, expected, x, mass)
    np.testing.assert_array_equal(state.predictions.label, expected.label)
    begun = training.begin(state, *arrays)
    np.testing.assert_array_equal(begun.y[view.labelled :], view.unseen[np.asarray(expected.label)])
    assert (state.graph is None) == (not isinstance(refinement, LabelPropagation))


@pytest.mark.parametrize("refinement", [None, SphericalKMeans()])
def test_averaged_rounds_predict_by_the_mean_of_log_probabilities(view, arrays, refinement):
    """By the scores of each round's own model, with a floor of 1e-12; labels and selection follow."""
    x, shares = arrays[0].x[view.labelled :], []
    sths = STHS(rounds=3, refinement=refinement, average=True)
    training: Any = sths.build(BASES["s2v"].build(ZSL()), view.labelled, view.unlabelled)
    method, refiner = BASES["s2v"].build(ZSL()), None if refinement is None else refinement.build()
    begin, fit, end = map(jax.jit, (training.begin, training.fit, training.end))
    state = training.init(jax.random.key(0), *arrays, Prepared(), sths.parameters(4))
    for _ in range(4):
        state = begin(state, *arrays)
        state, _ = fit(state, *arrays[:2], 3, 3)
        state, predictor, _ = end(state, *arrays)
        scores = method.logits(predictor, x, jnp.asarray(view.unseen))
        if refiner is not None:
            np.testing.assert_allclose(state.unrefined, scores, rtol=1e-4, atol=1e-4)
            plain = Predictions(scores, scores.argmax(1).astype(jnp.int32))
            scores = refiner.refine(None, plain, x, jnp.full(4, 0.25)).scores
        shares.append(np.maximum(np.asarray(jax.nn.log_softmax(np.float64(scores))), np.log(1e-12)))
        np.testing.assert_allclose(state.predictions.scores, np.mean(shares, 0), rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(state.predictions.label, state.predictions.scores.argmax(1))
    np.testing.assert_array_equal(begin(state, *arrays).y[view.labelled :], view.unseen[state.predictions.label])


def test_one_round_alone_excludes_no_class_for_good():
    """-inf counts as a probability of 1e-12; the first round replaces what was there before."""
    scores = jnp.array([[0.0, -jnp.inf, 0.0]])
    first = averaged(jnp.full((1, 3), 99.0), scores, jnp.int32(0))
    np.testing.assert_allclose(first, np.log([[0.5, 1e-12, 0.5]]), rtol=1e-5)
    second = averaged(first, jnp.log(jnp.array([[0.1, 0.8, 0.1]])), jnp.int32(1))
    np.testing.assert_allclose(second, [np.log([0.05, 0.8e-12, 0.05]) / 2], rtol=1e-5)


def test_rounds_without_an_average_predict_by_the_last_model_alone(view, arrays):
    """Bit for bit the scores of the method, to which nothing was added."""
    training, method = make(view), BASES["s2v"].build(ZSL())
    state = start(training, view, arrays)
    for _ in range(3):
        state = training.begin(state, *arrays)
        state, _ = training.fit(state, *arrays[:2], 2, 2)
        state, predictor, _ = training.end(state, *arrays)
        scores = method.logits(predictor, arrays[0].x[view.labelled :], jnp.asarray(view.unseen)) + jnp.zeros(4)
        np.testing.assert_array_equal(state.predictions.scores, scores)


def test_known_prior_and_confusion_reach_the_selection(view, arrays):
    """CFBS is PN-CFBS under a uniform prior; a base that generates knows its confusion, another must not be asked."""
    method = BASES["abp"].build(ZSL())

    def selected(selection):
        training: Any = STHS(selection=selection).build(method, view.labelled, view.unlabelled)
        state, _ = jax.jit(training.step)(start(training, view, arrays, hard=1), *arrays, 20)
        if state.confusion is not None:
            np.testing.assert_allclose(state.confusion.sum(0), 1, rtol=1e-5)
        assert (state.confusion is not None) == (selection == PNCFBS(prior=BBSE()))
        label = np.asarray(state.predictions.label)
        return label, np.asarray(training.begin(state, *arrays).w)[view.labelled :]

    label, by_frequency = selected(CFBS())
    count = np.bincount(label, minlength=4)
    assert set(label[by_frequency > 0]) == {int(np.where(count > 0, count, 1000).argmin())}
    _, uniform = selected(PNCFBS(prior=Known((2, 2, 2, 2))))
    np.testing.assert_array_equal(uniform, by_frequency)
    # Where nearly all rows are of the most frequent class, it is the one that is predicted too rarely.
    shares = np.where(np.arange(4) == count.argmax(), 0.97, 0.01)
    _, skewed = selected(PNCFBS(prior=Known(tuple(shares))))
    assert set(label[skewed > 0]) == {int(count.argmax())}
    selected(PNCFBS(prior=BBSE()))
    with pytest.raises(InputError, match="BBSE"):
        STHS(selection=PNCFBS(prior=BBSE())).build(BASES["s2v"].build(ZSL()), view.labelled, view.unlabelled)
    for shares in ((), (0.0, 0.0), (-1.0, 2.0)):
        with pytest.raises(InputError, match="shares"):
            Known(shares).build()
    wrong: Any = STHS(selection=PNCFBS(prior=Known((1, 2)))).build(
        BASES["eszsl"].build(ZSL()), view.labelled, view.unlabelled
    )
    with pytest.raises(InputError, match="2 shares found for 4"):
        wrong.step(start(wrong, view, arrays), *arrays, 1)


@pytest.fixture(scope="module")
def config(problem) -> Experiment:
    del problem
    return Experiment(
        data=LinearGaussian(classes=9, unseen=4, samples_per_class=30, features=8, semantics=4, latents=2),
        method=BASES["abp"],
        train=Train(epochs=3, chunk=2, checkpoint_seconds=0),
        seeds=2,
        self_training=STHS(
            rounds=3,
            selection=PNCFBS(0.5, ThreeC(clustering=PCAKMeans())),
            refinement=LabelPropagation(mass=ThreeC(clustering=PCAKMeans())),
        ),
    )


@pytest.fixture(scope="module")
def traces() -> dict[str, int]:
    """How often `whole` traced each part of a round."""
    return {"begin": 0, "fit": 0, "end": 0}


@pytest.fixture(scope="module")
def told() -> Console:
    """What `whole` printed."""
    return Console(record=True, file=open(os.devnull, "w"), width=160)


@pytest.fixture(scope="module")
def whole(config, traces, told, tmp_path_factory):
    """The folder of an uninterrupted run, and its result."""
    build = STHS.build

    def counted(self, *arguments):
        training = build(self, *arguments)

        def counting(name):
            def stage(*inner):
                traces[name] += 1
                return getattr(training, name)(*inner)

            return stage

        return training._replace(**{name: counting(name) for name in traces})

    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STHS, "build", counted)
        return out, run(config, out, False, told)


def test_run_reports_a_row_a_round(whole):
    out, result = whole
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(row["seed"], row["round"]) for row in rows] == [(s, t) for s in (0, 1) for t in range(4)]
    for row in rows:
        assert {"T1", "T1_unrefined", "selected", "frequency_entropy", "changed", "loss"} <= set(row)
    assert result["T1"]["values"] == [rows[3]["T1"], rows[7]["T1"]]
    assert result["class_prior"] == "3C (edges)"
    assert (result["setting"], result["rounds"], result["epochs"]) == ("transductive (unseen pool separate)", 3, 3)


@pytest.mark.parametrize("saves", [1, 2, 13])  # within a round, at its border, in the second seed
def test_run_resumes_bit_for_bit_after_any_chunk(whole, config, tmp_path, monkeypatch, saves):
    """Killed right after a checkpoint, within a round or at its border."""
    save, out = ProgressStore.save, tmp_path / "run"
    count = []

    def stop(self, state, record):
        save(self, state, record)
        count.append(1)
        if len(count) == saves:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ProgressStore, "save", stop)
        run(config, out, False, QUIET)
    result = run(config, out, True, QUIET)
    assert (out / "metrics.jsonl").read_text() == (whole[0] / "metrics.jsonl").read_text()
    assert result["T1"] == whole[1]["T1"]


def test_each_stage_of_a_run_compiles_once(whole, traces):
    assert whole[1]["rounds"] == 3
    assert traces == {"begin": 1, "fit": 1, "end": 1}


def test_progress_tells_each_round(whole, told):
    assert whole[1]["rounds"] == 3
    text = told.export_text()
    for words in ("round 0  0 samples selected", "round 3  120 samples selected", "T1", "entropy", "% relabelled"):
        assert words in text


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"tasks": (ZSL(), GZSL()), "self_training": STHS(strict=True)}, "tasks: zsl, gzsl"),
        ({"tasks": (ZSL(), Adaptation())}, "tasks: zsl, adaptation"),
        ({"calibration": True}, "calibration: given for the tasks zsl"),
    ],
)
def test_settings_that_self_training_cannot_have(config, change, culprit):
    with pytest.raises(InputError, match=culprit):
        dataclasses.replace(config, **change)
    for make_wrong, field in (
        (lambda: STHS(rounds=-1), "rounds"),
        (lambda: CFBS(0), "hard_class_fraction"),
        (lambda: PNCFBS(1.5), "hard_class_fraction"),
        (lambda: PortionSchedule(0.5, 0.1, 0.4), "schedule: first 0.5"),
    ):
        with pytest.raises(InputError, match=field):
            make_wrong()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_sths_abp"])
def test_shipped_config_reaches_its_result(tmp_path, name):
    """The main job: well above its inductive base on every seed."""
    config = load_config(Path(__file__).parents[2] / "configs" / f"{name}.py")
    run(config, tmp_path / "run", False, QUIET)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    by_seed = {seed: [row["T1"] for row in rows if row["seed"] == seed] for seed in range(5)}
    assert all(values[-1] > values[0] for values in by_seed.values())
    assert np.mean([values[-1] for values in by_seed.values()]) > 85
