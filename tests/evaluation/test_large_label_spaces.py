"""Very many classes: chunks and streams give what the plain code gives; subsets; half precision; lazy loading."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.classifiers.knn import KNN
from jzsl.classifiers.softmax import Softmax
from jzsl.cli import main
from jzsl.data.arrays import Arrays
from jzsl.data.subset import Subset
from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.evaluation.protocol import Protocol
from jzsl.evaluation.views import inductive
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.metrics.top_k import hit_rates, top_columns
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable

SOURCE = LinearGaussian(classes=10, unseen=6, samples_per_class=20, features=8, semantics=4, latents=2)


def test_chunks_keep_the_best_columns(random):
    weight = jnp.array(random.normal(size=(5, 9)), jnp.float32)
    x, sizes = random.normal(size=(23, 5)).astype(np.float32), []

    def logits(rows):
        sizes.append(len(rows))
        return rows @ weight

    found = top_columns(logits, (x[start : start + 10] for start in range(0, 23, 10)), 3)
    np.testing.assert_array_equal(found, np.argsort(-(x @ np.asarray(weight)), 1)[:, :3])
    assert set(sizes) == {10}  # one compilation


def test_hit_rates_are_those_of_loops(random):
    classes, y = np.array([2, 5, 7, 8]), np.repeat([2, 5, 7, 8], [10, 3, 6, 1])
    top = np.stack([random.permutation(classes) for _ in y])
    for count in (1, 2, 4):
        hits = [y[i] in top[i, :count] for i in range(len(y))]
        classwise = np.mean([np.mean([h for h, c in zip(hits, y, strict=True) if c == k]) for k in classes])
        assert hit_rates(y, top, classes, count) == pytest.approx((classwise, np.mean(hits)))
    assert hit_rates(y, top, classes, 4) == (1, 1)


def test_scores_in_chunks_are_the_protocols(monkeypatch, random):
    monkeypatch.setattr("jzsl.evaluation.protocol.CHUNK", 7)
    problem = SOURCE.load()
    protocol = Protocol(problem, inductive(problem))
    chunks = list(protocol.chunks(ZSL()))
    x = protocol.samples(ZSL())
    np.testing.assert_array_equal(np.concatenate(chunks), x)
    assert len(chunks) == -(-120 // 7)
    weight = jnp.float32(random.normal(size=(8, 6)))
    numbers = protocol.score_top(ZSL(), top_columns(lambda x: x @ weight, iter(chunks), 6), (2, 6))
    assert numbers["T1"] == pytest.approx(protocol.score(ZSL(), np.asarray(x @ weight))["T1"])
    assert numbers["T1"] <= numbers["T2"] <= numbers["T6"] == numbers["hit@6"] == 100


@pytest.mark.parametrize("parallel_seeds", [1, 4, 100])
def test_streamed_neighbours_are_the_neighbours(random, parallel_seeds):
    """Where the drawn rows are the same, so are the votes; blocks that do not divide the classes included."""
    centre = jnp.float32(random.normal(size=(12, 5)))
    candidates = jnp.array([3, 9, 1, 11, 4, 6, 0])
    x = jnp.float32(random.normal(size=(40, 5)))

    def draw(key, source, y):
        del key
        return source[y]

    classifier = KNN(7).build()
    assert classifier.streamed is not None
    stream = classifier.streamed(draw, 3, parallel_seeds)
    found = stream.logits(stream.fit(jax.random.key(0), centre, candidates), x, candidates)
    y = jnp.repeat(candidates, 3)
    classes = ClassTable(jnp.zeros((12, 2)), jnp.ones(12, bool))
    parameters = classifier.fit(jax.random.key(0), centre[y], y, jnp.ones_like(y), classes)
    np.testing.assert_allclose(found, classifier.logits(parameters, x, candidates), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("zsl", [KNN(5), Softmax(epochs=30, batch_size=32)])
def test_a_streamed_method_recognises_what_the_plain_one_does(zsl):
    problem = SOURCE.load()
    view = inductive(problem)
    protocol = Protocol(problem, view)
    queries, x, accuracy = protocol.queries(ZSL()), protocol.samples(ZSL()), []
    generator = ABP(hidden=64, latent=2, batch_size=16, learning_rate=3e-3)
    plain = Generative(generator, zsl=zsl, per_class=50, zsl_noise=False)
    state = None
    for config in (plain, dataclasses.replace(plain, classes_per_block=2)):
        method = config.build(ZSL())
        if state is None:
            start = method.init(jax.random.key(0), view.pool, view.classes)
            state = jax.jit(method.fit)(start, view.pool, view.classes, 60, 60)[0]
        predictor = jax.jit(method.predictor)(state, view.pool, view.classes, view.unseen)
        scores = jax.jit(method.logits)(predictor, x, queries.candidates)
        accuracy.append(protocol.score(ZSL(), np.asarray(scores))["T1"])
    # Other features are drawn, so rows at a border change their class: 12 points are 14 of the 120 rows.
    assert accuracy[1] == pytest.approx(accuracy[0], abs=12)
    assert min(accuracy) > 30  # chance is 17


def test_streams_need_a_classifier_and_a_task_that_can():
    from jzsl.classifiers.prototype import Prototype

    with pytest.raises(InputError, match="classes_per_block"):
        Generative(zsl=Prototype(), classes_per_block=3).build(ZSL())
    with pytest.raises(InputError, match="zsl task alone"):
        Generative(classes_per_block=3).build(GZSL())
    with pytest.raises(InputError, match="classes_per_block"):
        Generative(classes_per_block=0)


@pytest.fixture
def folder(tmp_path):
    """A source of .npy files whose features are in half precision."""
    problem, path = SOURCE.load(), tmp_path / "many"
    path.mkdir()
    arrays = {
        "features": problem.samples.astype(np.float16),
        "labels": problem.labels,
        "semantics": problem.semantics,
        "train": problem.splits.train,
        "test_unseen": problem.splits.test_unseen[:-15],  # the last class has fewer rows
        "test_seen": problem.splits.test_seen,
        "class_names": np.array(problem.class_names),
    }
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path


def test_half_precision_stays_on_disk_and_in_the_pool(folder):
    problem = Arrays(folder).load()
    assert isinstance(problem.samples, np.memmap)
    view = inductive(problem)
    assert view.pool.x.dtype == np.float16
    assert (view.pool.x.min(), view.pool.x.max()) == (0, 1)
    states = []
    for x in (view.pool.x, view.pool.x.astype(np.float32)):
        method = Generative(ABP(hidden=16, latent=2), zsl_noise=False).build(ZSL())
        pool = view.pool._replace(x=x)
        state, metrics = jax.jit(method.fit)(
            method.init(jax.random.key(0), pool, view.classes), pool, view.classes, 3, 3
        )
        assert metrics["loss"].dtype == jnp.float32
        states.append(state.generator.params)
    jax.tree.map(np.testing.assert_array_equal, *states)


def test_subsets_by_population_and_by_list(folder, tmp_path):
    source = Arrays(folder)
    rows = np.bincount(source.load().labels[source.load().splits.test_unseen], minlength=10)
    assert rows[4:].tolist() == [20, 20, 20, 20, 20, 5]
    assert Subset(source, least=1).load().unseen_classes.tolist() == [9]
    most = Subset(source, most=5).load()
    assert most.unseen_classes.tolist() == [4, 5, 6, 7, 8]
    assert most.provenance.name.endswith("(M5)")
    np.testing.assert_array_equal(most.splits.train, source.load().splits.train)
    names = tmp_path / "2hop.txt"
    names.write_text("class 5\n\nclass 9\n")
    assert Subset(source, classes=names).load().unseen_classes.tolist() == [5, 9]
    for text, found in (
        ("class 1\n", "line 1: 'class 1' is a seen class"),
        ("x\n", "no class of"),
        ("", "no class names"),
    ):
        names.write_text(text)
        with pytest.raises(InputError, match=found):
            Subset(source, classes=names).load()
    with pytest.raises(InputError, match="exactly one"):
        Subset(source)
    with pytest.raises(InputError, match="6 unseen"):
        Subset(source, most=7).load()


def test_a_run_of_many_classes(folder, tmp_path, capsys):
    """Streamed features, a subset, top-k accuracies and a prediction, from the command line."""
    config = tmp_path / "many_abp.py"
    config.write_text(
        "from pathlib import Path\nfrom jzsl.config import *\nfrom jzsl.data.arrays import Arrays\n"
        "from jzsl.data.subset import Subset\nfrom jzsl.generators.abp import ABP\n"
        "from jzsl.classifiers.knn import KNN\nfrom jzsl.methods.generative import Generative\n"
        f"CONFIG = Experiment(Subset(Arrays(Path({str(folder)!r})), most=5),\n"
        "    Generative(ABP(hidden=16, latent=2), zsl=KNN(5), per_class=20, classes_per_block=2),\n"
        "    Train(epochs=2), seeds=2, top=(2, 5))\n"
    )
    out = tmp_path / "run"
    assert main(["run", str(config), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for name in ("T1", "T2", "T5", "hit@1", "hit@5"):
        assert name in printed
    assert "100.0" in printed  # five classes, five guesses
    assert main(["predict", str(out), str(folder / "features.npy"), "--out", str(tmp_path / "p.csv")]) == 0
    assert main(["run", str(config), "--out", str(tmp_path / "g"), "--tasks", "GZSL"]) == 2
    assert "top" in capsys.readouterr().err
