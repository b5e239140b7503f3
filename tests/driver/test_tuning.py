"""The choice on validation classes: no test row takes part, replicas agree, criteria against brute force."""

import dataclasses
import itertools
import json

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from jzsl.cli import main
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver.tune import Candidate, Grid, mutual_information, rank_correlations, tune
from jzsl.errors import InputError
from jzsl.methods.s2v import S2V
from jzsl.self_training.refinement.choice import Refinement
from jzsl.self_training.selection.choice import Selection
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

CONFIG = Experiment(
    data=LinearGaussian(classes=14, unseen=3, rows_per_class=20, features=8, semantics=4, latents=2),
    method=S2V(hidden=16, batch_size=64),
    train=Train(epochs=2),
    seeds=2,
    self_training=STHS(),
)
GRID = Grid(rounds=(2, 3), hard=(0.5, 1.0), epochs=(2, 4))


def quiet(text):
    del text


def test_replicas_in_turn_and_together_agree():
    problem = CONFIG.data.load()
    one = tune(CONFIG, problem, GRID, quiet, batched=False)
    two = tune(CONFIG, problem, GRID, quiet, batched=True)
    assert len(one) == len(two) == 8
    key = lambda candidate: candidate[:3]  # noqa: E731
    for a, b in zip(sorted(one, key=key), sorted(two, key=key), strict=True):
        assert a[:3] == b[:3]
        assert len(a.t1) == 2
        # A lane of a vmap may round otherwise, and then a row at a border may change its label.
        np.testing.assert_allclose(a.t1, b.t1, atol=10)
        np.testing.assert_allclose(a.information, b.information, atol=0.05)
    assert [np.mean(c.t1) for c in one] == sorted((np.mean(c.t1) for c in one), reverse=True)


def test_no_test_row_takes_part():
    """Other test features and shuffled test labels choose the same, number by number."""
    problem = CONFIG.data.load()
    features, labels = problem.samples.copy(), problem.labels.copy()
    unseen = problem.splits.test_unseen
    features[unseen] = features[unseen][::-1] * 3
    features[problem.splits.test_seen] += 1
    labels[unseen] = labels[unseen][::-1]
    other = dataclasses.replace(problem, samples=features, labels=labels)
    assert tune(CONFIG, problem, GRID, quiet) == tune(CONFIG, other, GRID, quiet)


def test_mutual_information(random):
    scores = random.normal(size=(50, 4)) * 2
    share = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    mean = share.mean(0)
    expected = -(mean * np.log(mean)).sum() + (share * np.log(share)).sum(1).mean()
    assert float(mutual_information(jnp.float32(scores))) == pytest.approx(expected, rel=1e-4)
    certain = 100 * jnp.eye(4)[jnp.arange(8) % 4]
    assert float(mutual_information(certain)) == pytest.approx(np.log(4), rel=1e-5)
    assert float(mutual_information(jnp.zeros((5, 4)))) == pytest.approx(0, abs=1e-6)


def test_rank_correlations(random):
    t1, information = random.normal(size=(2, 6))
    candidates = [
        Candidate(1, 1, 0.5, Selection.cfbs, Refinement.none, [t], [i], [1.0], [t**3])
        for t, i in zip(t1, information, strict=True)
    ]
    found = rank_correlations(candidates)
    assert found["information"] == pytest.approx(spearmanr(information, t1)[0])
    assert found["frequency_entropy"] is None
    assert found["stability"] == pytest.approx(1)


def test_tune_from_the_command_line(tmp_path, capsys):
    config = tmp_path / "config.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "CONFIG = Experiment(LinearGaussian(classes=14, unseen=3, rows_per_class=20, features=8, semantics=4),"
        " S2V(hidden=16), Train(epochs=2), seeds=2, self_training=STHS())\n"
    )
    arguments = ["tune", str(config), "--grid.hard", "0.5", "1.0", "--grid.epochs", "2", "--grid.rounds", "2"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "Spearman" in printed
    assert "--self-training.hard" in printed
    assert len(json.loads((tmp_path / "out" / "table.json").read_text())["rows"]) == 2
    assert (tmp_path / "out" / "figure.png").exists()
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert main([*arguments, "--out", str(tmp_path / "other"), "--grid.epochs", "0"]) == 2
    assert "grid.epochs" in capsys.readouterr().err


def test_tuning_what_does_not_self_train_is_refused():
    with pytest.raises(InputError, match="self_training"):
        tune(dataclasses.replace(CONFIG, self_training=None), CONFIG.data.load(), GRID, quiet)
    strict = dataclasses.replace(CONFIG, tasks=(GZSL(),), self_training=STHS(strict=True))
    with pytest.raises(InputError, match="tasks: gzsl"):
        tune(strict, CONFIG.data.load(), GRID, quiet)
    with pytest.raises(InputError, match=r"grid\.hard"):
        Grid(hard=(1.5,))


def test_the_grid_covers_selections_refinements_and_folds():
    """A selection without hard classes is tried once; a fold's numbers are those of a tune on that fold alone."""
    problem = CONFIG.data.load()
    grid = Grid((0, 2), (0.5, 1.0), (2,), (Selection.cfbs, Selection.everything), tuple(Refinement)[:2], folds=2)
    found = tune(CONFIG, problem, grid, quiet)
    assert len(found) == (2 * 2 + 2) * 2
    assert {(c.selection, c.refinement) for c in found} == set(itertools.product(grid.selection, grid.refinement))
    alone = []
    for part in problem.validation_folds(2):
        held = dataclasses.replace(
            part,
            splits=problem.splits._replace(
                validation_classes=part.unseen_classes, validation_seen=np.zeros(0, np.int64)
            ),
        )
        alone.append({c[:5]: c.t1 for c in tune(CONFIG, held, dataclasses.replace(grid, folds=1), quiet)})
    for candidate in found:
        np.testing.assert_allclose(candidate.t1, np.mean([fold[candidate[:5]] for fold in alone], 0), rtol=1e-6)
    with pytest.raises(InputError, match="folds"):
        tune(CONFIG, problem, dataclasses.replace(grid, folds=99), quiet)
