"""Ensembles: replicas against single trainings, their place in the state, and exemplars as semantics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.prototype import Prototype
from jzsl.cli import main
from jzsl.config import Experiment, Train
from jzsl.cosine import unit
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver import predictions, saved_model
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.evaluation.views import transductive
from jzsl.export.read import read_exported
from jzsl.generators.abp import ABP
from jzsl.interfaces import Method
from jzsl.keys import stream
from jzsl.methods.apn import APN
from jzsl.methods.ensemble import Ensemble, ensemble
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.exem import EXEM
from jzsl.methods.exemplar_semantics import ExemplarSemantics
from jzsl.methods.gated import Gated
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.self_training.priors.bbse import BBSE
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, per_sample

QUIET = Console(quiet=True)
BASES = {
    "s2v": S2V(hidden=8, batch_size=16),
    "abp": Generative(ABP(8, 2, batch_size=16, langevin_steps=2), zsl=KNN(5), gzsl=Prototype(), per_class=10),
    "eszsl": ESZSL(),
}
SOURCE = LinearGaussian(classes=8, unseen=3, samples_per_class=20, features=6, semantics=4, latents=2)


def scores_of(method, key, pool, classes, view, candidates, epochs=2):
    state = jax.jit(method.init)(key, pool, classes)
    state, metrics = jax.jit(method.fit)(state, pool, classes, epochs, epochs)
    predictor = jax.jit(method.predictor)(state, pool, classes, view.unseen)
    return np.asarray(jax.jit(method.logits)(predictor, pool.x[:40], candidates)), metrics


@pytest.mark.parametrize(("replicas", "vectorised"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize(("name", "task"), [("s2v", ZSL()), ("abp", GZSL())])
def test_scores_are_the_mean_of_separate_trainings(pool, classes, view, monkeypatch, name, task, replicas, vectorised):
    """Each with a key of its own; on accelerators vectorised, on CPUs one after another."""
    candidates = jnp.asarray(view.unseen if task == ZSL() else np.arange(8))
    single = BASES[name].build(task)
    parts = [
        scores_of(single, stream(jax.random.key(4), "replica", r), pool, classes, view, candidates)
        for r in range(replicas)
    ]
    if vectorised:
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    method = Ensemble(BASES[name], replicas).build(task)
    averaged, metrics = scores_of(method, jax.random.key(4), pool, classes, view, candidates)
    np.testing.assert_allclose(averaged, np.mean([scores for scores, _ in parts], 0), rtol=1e-3, atol=1e-3)
    loss = np.mean([float(of_part["loss"]) for _, of_part in parts])
    assert float(metrics["loss"]) == pytest.approx(loss, rel=1e-3)
    if replicas > 1:
        assert np.abs(parts[0][0] - parts[1][0]).max() > 1e-3


def test_candidates_do_not_change_the_ranking(pool, classes, view):
    """Scores of some classes among all are those of these classes alone, up to a term of the sample."""
    method = Ensemble(BASES["s2v"], 3).build(ZSL())
    whole, some = (
        scores_of(method, jax.random.key(0), pool, classes, view, columns)[0]
        for columns in (jnp.arange(8), jnp.array([6, 2, 7]))
    )
    difference = whole[:, [6, 2, 7]] - some
    np.testing.assert_allclose(difference, difference[:, :1].repeat(3, 1), atol=1e-4)


def test_samples_stay_the_first_axis_of_what_belongs_to_them(pool, classes):
    """So that devices, and blocks of samples, divide them; other leaves have the replicas first."""
    method = Ensemble(BASES["abp"], 3).build(ZSL())
    state = method.init(jax.random.key(0), pool, classes)
    marked = jax.tree.leaves(per_sample(state))
    assert sum(marked) == 1
    for leaf, of_samples in zip(jax.tree.leaves(state), marked, strict=True):
        assert leaf.shape[:2] == (len(pool.x), 3) if of_samples else leaf.shape[0] == 3
    changed = jnp.arange(len(pool.x)) % 4 == 0
    after = method.relabel(jax.random.key(1), state, changed)
    before, fresh = (np.asarray(part.generator.latents.values) for part in (state, after))
    np.testing.assert_array_equal((before != fresh).any((1, 2)), changed)
    assert (fresh[0, 0] != fresh[0, 1]).all()


@pytest.mark.parametrize("count", [1, 3, 7])
def test_replicas_take_turns_in_generating(pool, classes, count):
    """Sample i is replica i mod R's, with its key."""
    single, method = BASES["abp"].build(ZSL()), Ensemble(BASES["abp"], 3).build(ZSL())
    assert single.sample is not None
    assert method.sample is not None
    key = jax.random.key(3)
    state = method.init(jax.random.key(0), pool, classes)
    semantics = jnp.asarray(classes.semantics)[jnp.arange(count) % 8]
    generated = method.sample(key, state, semantics)
    assert generated.shape == (count, 6)
    for r in range(min(3, count)):
        own = single.init(stream(jax.random.key(0), "replica", r), pool, classes)
        turns = -(-count // 3)
        rows = (np.arange(turns) * 3 + r) % count
        expected = single.sample(stream(key, "replica", r), own, semantics[rows])
        np.testing.assert_allclose(generated[r::3], expected[: len(generated[r::3])], rtol=1e-4, atol=1e-5)


def test_a_class_that_a_replica_rules_out_is_out(pool, classes):
    """And no score is a NaN."""

    def logits(number, x, candidates):
        return jnp.where((candidates == 6) & (number == 1), -jnp.inf, jnp.zeros((len(x), len(candidates))) + number)

    method = ensemble(
        Method(
            lambda key, pool, classes: jnp.int32(0),
            lambda state, pool, classes, epochs, total: (state, {"loss": jnp.float32(0)}),
            lambda state, pool, classes, unseen: state,
            logits,
        ),
        3,
    )
    scores = method.logits(jnp.arange(3), pool.x, jnp.array([5, 6, 7]))
    np.testing.assert_array_equal(scores[0], [1, -np.inf, 1])


@pytest.mark.parametrize("self_training", [None, STHS(rounds=2, selection=PNCFBS(prior=BBSE()), warm=True)])
def test_runs_with_ensembles_predict_and_export(tmp_path, self_training):
    """Inductive and generalized, and in rounds; the scores of saved and exported models are those of the run."""
    tasks = (ZSL(), GZSL()) if self_training is None else (ZSL(),)
    config = Experiment(SOURCE, Ensemble(BASES["abp"], 2), Train(epochs=2), tasks, seeds=1, self_training=self_training)
    out = tmp_path / "run"
    run(config, out, False, QUIET)
    problem = config.data.load()
    for task in tasks:
        kept = predictions.load(out, 0, tasks)[task.name]
        x = problem.samples[kept.samples]
        model = saved_model.load(out / "checkpoints" / "seed-0", config, task.name)
        np.testing.assert_allclose(model.scores(x), kept.scores, rtol=1e-4, atol=1e-4)
        folder = tmp_path / task.name
        assert main(["export", str(out), "--out", str(folder), "--task", task.name]) == 0
        np.testing.assert_allclose(read_exported(folder).scores(x), kept.scores, rtol=1e-4, atol=1e-4)


def test_what_an_ensemble_can_is_what_its_method_can():
    assert Ensemble(Gated()).needs_unlabelled
    assert not Ensemble(S2V()).needs_unlabelled
    assert Ensemble(EXEM()).build(ZSL()).takes_soft
    assert Ensemble(S2V()).build(ZSL()).sample is None
    assert Ensemble(APN()).build(ZSL()).takes_images
    assert not Ensemble(S2V()).build(ZSL()).takes_images
    pretrained = Ensemble(APN(PretrainedEfficientNetLite0())).build(ZSL())
    assert pretrained.pretraining is not None
    with pytest.raises(InputError, match="replicas: 0 found, expected a positive number"):
        Ensemble(replicas=0)


@pytest.mark.parametrize("name", ["eszsl", "s2v", "abp"])
def test_exemplars_are_the_semantics_that_the_method_learns_from(pool, classes, view, name):
    """By hand: EXEM, then the method with unit-length exemplars in the class table."""
    method, single, exem = ExemplarSemantics(BASES[name]).build(ZSL()), BASES[name].build(ZSL()), EXEM().build(ZSL())
    candidates, key = jnp.asarray(view.unseen), jax.random.key(0)
    solved, _ = exem.fit(exem.init(key, pool, classes), pool, classes, 1, 1)
    table = ClassTable(unit(exem.predictor(solved, pool, classes, view.unseen).exemplar), classes.seen)
    expected, _ = scores_of(single, key, pool, table, view, candidates)
    averaged, _ = scores_of(method, key, pool, classes, view, candidates)
    np.testing.assert_allclose(averaged, expected, rtol=1e-3, atol=1e-3)
    if single.sample is not None:
        assert method.sample is not None
        state = method.init(key, pool, classes)
        np.testing.assert_allclose(
            method.sample(key, state, jnp.asarray(classes.semantics)),
            single.sample(key, single.init(key, pool, table), jnp.asarray(table.semantics)),
            rtol=1e-3,
            atol=1e-4,
        )


def test_exemplars_are_predicted_anew_when_labels_change(problem):
    """Pseudo-labelled samples of unseen classes move their semantics."""
    view = transductive(problem)
    pool, classes = jax.device_put((view.pool, view.classes))
    method = ExemplarSemantics().build(ZSL())
    state = method.init(jax.random.key(0), pool, classes)
    before, _ = method.fit(state, pool, classes, 1, 1)
    after, _ = method.fit(before, pool._replace(y=jnp.where(pool.y < 0, int(view.unseen[0]), pool.y)), classes, 1, 1)
    assert not before.exem.coefficients[view.unseen[0]].any()
    assert after.exem.coefficients[view.unseen[0]].any()
    with pytest.raises(InputError, match="Gated found, expected it around ExemplarSemantics"):
        ExemplarSemantics(Gated())
