"""Transforms that multiply by a matrix, against direct computation and scikit-learn, and through runs."""

import csv
import dataclasses

import jax
import numpy as np
import pytest
from rich.console import Console
from sklearn.decomposition import PCA

from jzsl.cli import main
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver import predictions, saved_model
from jzsl.driver.plan import inductive_trainer
from jzsl.driver.pools import BlockedPool
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.evaluation.views import inductive, transductive, view_of
from jzsl.export.read import of_run, read_exported
from jzsl.methods.exem import EXEM
from jzsl.methods.s2v import S2V
from jzsl.problem.principal_components import PrincipalComponents
from jzsl.problem.whitening import Whitened
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import UNLABELLED
from tests.driver.test_runner import assert_same_run, stopping_after

QUIET = Console(quiet=True)
SOURCE = LinearGaussian(classes=8, unseen=3, samples_per_class=20, features=6, semantics=4, latents=2)


def within(x, y):
    """The covariance within classes, each class about its mean."""
    residual = np.concatenate([x[y == c] - x[y == c].mean(0) for c in np.unique(y)])
    return residual.T @ residual / len(x)


@pytest.fixture
def correlated(random):
    """30,000 samples of 5 classes whose features are mixed, in float64."""
    y, mix = random.integers(0, 5, 30_000), random.normal(size=(6, 6))
    return random.normal(size=(5, 6))[y] * 3 + random.normal(size=(30_000, 6)) @ mix + 7, y


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_directions_within_classes_are_shortened_by_the_power(correlated, power):
    """With many samples, C becomes C^(1 - power) times a factor that keeps its trace; classes have mean zero."""
    x, y = correlated
    transform = Whitened(power).fit(x, labels=y)
    after, before = transform(x), within(x, y)
    variance, basis = np.linalg.eigh(before)
    expected = (basis * variance ** (1 - power)) @ basis.T
    np.testing.assert_allclose(
        within(after.astype(float), y), expected * np.trace(before) / np.trace(expected), rtol=0.03, atol=0.15
    )
    np.testing.assert_allclose(np.mean([after[y == c].mean(0) for c in range(5)], 0), 0, atol=2e-3)
    if power == 0:
        np.testing.assert_allclose(after, x - np.mean([x[y == c].mean(0) for c in range(5)], 0), atol=1e-3)


def test_it_is_defined_with_fewer_samples_than_features(random):
    x = random.normal(size=(12, 40))
    transform = Whitened(1).fit(x, labels=np.arange(12) // 3)
    assert np.isfinite(transform(x)).all()
    assert transform.matrix is not None
    assert np.linalg.matrix_rank(transform.matrix) == 40


def test_samples_without_a_label_have_no_influence(correlated):
    x, y = correlated[0][:400], correlated[1][:400]
    chosen = np.arange(0, 400, 2)
    hidden = np.where(np.arange(200) < 150, y[chosen], UNLABELLED)
    one = Whitened().fit(x, None, chosen, hidden)
    two = Whitened().fit(x[chosen[:150]], None, None, y[chosen[:150]])
    other = x.copy()
    other[np.setdiff1d(np.arange(400), chosen[:150])] = 1e6
    three = Whitened().fit(other, None, chosen, hidden)
    jax.tree.map(np.testing.assert_array_equal, one, two)
    jax.tree.map(np.testing.assert_array_equal, one, three)


def test_views_of_all_settings_whiten_alike(problem):
    """The unlabelled pool, and test samples, change nothing."""
    one, two = inductive(problem, Whitened()), transductive(problem, Whitened())
    jax.tree.map(np.testing.assert_array_equal, one.transform, two.transform)
    train = problem.splits.train
    direct = Whitened().fit(problem.samples[train], labels=problem.labels[train])
    np.testing.assert_array_equal(one.pool.x[: len(train)], direct(problem.samples[train]))


def test_entries_not_observed_count_as_their_class_mean(random):
    """Whatever their place holds; a class that has none observed counts as the mean of all."""
    x, y = random.normal(3, 1, size=(60, 4)), np.arange(60) % 3
    observed = random.uniform(size=x.shape) < 0.8
    observed[y == 2, 3] = False
    filled = x.copy()
    for d in range(4):
        for c in range(3):
            known = observed[:, d] & (y == c)
            filled[~observed[:, d] & (y == c), d] = x[known, d].mean() if known.any() else x[observed[:, d], d].mean()
    one = Whitened().fit(np.where(observed, x, 99.0), observed, labels=y)
    two = Whitened().fit(filled, labels=y)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    blank = one(x, np.zeros_like(observed))
    np.testing.assert_array_equal(blank, 0)


@pytest.mark.parametrize("count", [1, 3, 6, 500])
def test_components_are_those_of_scikit_learn(random, count):
    x = (random.normal(size=(90, 6)) @ random.normal(size=(6, 6)) + 4).astype(np.float32)
    chosen = np.arange(0, 90, 2)
    transform = PrincipalComponents(count).fit(x, None, chosen)
    peer = PCA(min(count, 6)).fit(x[chosen].astype(float))
    assert transform.shape == (min(count, 6),)
    expected = peer.transform(x)
    sign = np.sign((expected * transform(x)).sum(0))
    np.testing.assert_allclose(transform(x) * sign, expected, rtol=1e-3, atol=1e-3)
    observed = random.uniform(size=x.shape) < 0.8
    mean = (x * observed).sum(0) / observed.sum(0)
    filled = PrincipalComponents(count).fit(np.where(observed, x, mean).astype(np.float32))
    np.testing.assert_allclose(
        PrincipalComponents(count).fit(np.where(observed, x, 1e6), observed)(x), filled(x), rtol=1e-3, atol=1e-3
    )


def test_the_program_is_the_transform(random):
    x = random.normal(size=(50, 6)).astype(np.float32)
    for config in (Whitened(), PrincipalComponents(3)):
        transform = config.fit(x, labels=np.arange(50) % 4)
        np.testing.assert_allclose(jax.jit(transform.traced)(x), transform(x), rtol=1e-4, atol=1e-5)


def test_no_entry_is_missing_after_a_mixture(problem, random):
    """Every new entry is made of observed ones and of means; a mask of the old ones would fit no method."""
    observed = random.uniform(size=problem.samples.shape) < 0.8
    masked = dataclasses.replace(problem, observed=observed)
    for config, width in ((Whitened(), 6), (PrincipalComponents(3), 3)):
        view = view_of(masked, config)
        assert view.pool.observed is None
        assert view.pool.x.shape[1] == width
        trainer = inductive_trainer(
            masked, Experiment(SOURCE, S2V(8), Train(epochs=1), transform=config, samples_per_block=64)
        )
        assert isinstance(trainer._pool, BlockedPool)
        block = trainer._pool.read(np.array([4, 2]))
        assert block.observed is None
        np.testing.assert_allclose(block.x[:2], view.pool.x[[4, 2]], rtol=1e-5, atol=1e-6)
    assert view_of(masked).pool.observed is not None


@pytest.mark.parametrize(
    ("config", "samples", "labels", "message"),
    [
        (
            Whitened(),
            np.zeros((4, 2, 2)),
            np.zeros(4, int),
            r"samples of shape \(2, 2\) and type float64 found, Whitened expects",
        ),
        (Whitened(), np.zeros((4, 2), np.uint8), np.zeros(4, int), "type uint8 found, Whitened expects"),
        (Whitened(), np.ones((4, 2)), None, "no labelled samples found"),
        (Whitened(), np.ones((4, 2)), np.full(4, UNLABELLED), "no labelled samples found"),
        (Whitened(), np.eye(4), np.arange(4), "samples of each class are all equal"),
        (PrincipalComponents(), np.zeros((4, 2, 2)), None, "PrincipalComponents expects feature vectors"),
        (PrincipalComponents(), np.zeros((4, 2), np.uint8), None, "type uint8 found, PrincipalComponents expects"),
    ],
)
def test_samples_that_cannot_be_mixed_are_refused(config, samples, labels, message):
    with pytest.raises(InputError, match=message):
        config.fit(samples, None, None, labels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Whitened(1.1), "power: 1.1 found, expected 0 to 1"),
        (lambda: Whitened(-0.1), "power: -0.1 found"),
        (lambda: PrincipalComponents(0), "components: 0 found, expected a positive number"),
    ],
)
def test_bad_settings_are_refused_by_name(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("transform", "method"),
    [(Whitened(), EXEM()), (PrincipalComponents(3), S2V(hidden=8, batch_size=16))],
)
def test_runs_predict_export_and_resume(tmp_path, monkeypatch, transform, method):
    """The scores of the saved model, of the exported one and of the command line are those of the run."""
    config = Experiment(
        SOURCE, method, Train(epochs=2, checkpoint_seconds=0), (ZSL(), GZSL()), transform=transform, seeds=2
    )
    out, again = tmp_path / "run", tmp_path / "again"
    run(config, out, False, QUIET)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, 1, KeyboardInterrupt)
        run(config, again, False, QUIET)
    run(config, again, True, QUIET)
    assert_same_run(out, again)
    problem = config.data.load()
    for task in config.tasks:
        kept = predictions.load(out, 0, config.tasks)[task.name]
        x = problem.samples[kept.samples]
        model = saved_model.load(out / "checkpoints" / "seed-0", config, task.name)
        np.testing.assert_allclose(model.scores(x), kept.scores, rtol=1e-4, atol=1e-4)
        folder = tmp_path / task.name
        assert main(["export", str(out), "--out", str(folder), "--task", task.name]) == 0
        exported = read_exported(folder)
        np.testing.assert_allclose(exported.scores(x), kept.scores, rtol=1e-4, atol=1e-4)
        np.save(tmp_path / "x.npy", x)
        table = tmp_path / f"{task.name}.csv"
        assert main(["predict", str(folder), str(tmp_path / "x.npy"), "--out", str(table)]) == 0
        with table.open() as file:
            told = [row["class"] for row in csv.DictReader(file)]
        assert told == [model.names[column] for column in kept.scores.argmax(1)]
        if exported.head is None:
            continue
        semantics = problem.required_semantics[6].astype(np.float32)
        extended = [ready.with_class("new", semantics).scores(x) for ready in (of_run(model), exported)]
        np.testing.assert_allclose(extended[0], extended[1], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(extended[0][:, :-1], kept.scores, rtol=1e-4, atol=1e-3)
