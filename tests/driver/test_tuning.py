"""The choice on validation classes: no test row takes part, replicas agree, criteria against brute force."""

import dataclasses
import itertools
import json
import shlex

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from jzsl.cli import main
from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver.load import load_namespace
from jzsl.driver.tune import Grid, GridPoint, Trial, mutual_information, rank_correlations, tune
from jzsl.errors import InputError
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.s2v import S2V
from jzsl.self_training.priors.uniform import Uniform
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.schedules.portion import PortionSchedule
from jzsl.self_training.selection.all import AllSamples
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.selection.pn_cfbs import PNCFBS
from jzsl.self_training.selection.random import RandomSampling
from jzsl.self_training.selection.top_confidence import TopConfidence
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL
from jzsl.verbs.parts import parse
from jzsl.verbs.run import RunOptions

CONFIG = Experiment(
    data=LinearGaussian(classes=14, unseen=3, samples_per_class=20, features=8, semantics=4, latents=2),
    method=S2V(hidden=16, batch_size=64),
    train=Train(epochs=2),
    seeds=2,
    self_training=STHS(),
)
GRID = Grid(rounds=(2, 3), hard_class_fraction=(0.5, 1.0), epochs=(2, 4))


def quiet(text):
    del text


def test_replicas_in_turn_and_together_agree():
    problem = CONFIG.data.load()
    one = tune(CONFIG, problem, GRID, quiet, batched=False)
    two = tune(CONFIG, problem, GRID, quiet, batched=True)
    assert len(one) == len(two) == 8
    key = lambda candidate: repr(candidate.setting)  # noqa: E731
    for a, b in zip(sorted(one, key=key), sorted(two, key=key), strict=True):
        assert a.setting == b.setting
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
        Trial(GridPoint(1, STHS(1, CFBS(0.5))), [t], [i], [1.0], [t**3]) for t, i in zip(t1, information, strict=True)
    ]
    found = rank_correlations(candidates)
    assert found["information"] == pytest.approx(spearmanr(information, t1)[0])
    assert found["frequency_entropy"] is None
    assert found["stability"] == pytest.approx(1)


def test_tune_from_the_command_line(tmp_path, capsys):
    config = tmp_path / "config.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "CONFIG = Experiment(LinearGaussian(classes=14, unseen=3, samples_per_class=20, features=8, semantics=4),"
        " S2V(hidden=16), Train(epochs=2), seeds=2, self_training=STHS())\n"
    )
    arguments = [
        "tune",
        str(config),
        "--grid.hard-class-fraction",
        "0.5",
        "1.0",
        "--grid.epochs",
        "2",
        "--grid.rounds",
        "2",
    ]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "Spearman" in printed
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
    with pytest.raises(InputError, match=r"grid\.hard_class_fraction"):
        Grid(hard_class_fraction=(1.5,))


def test_the_grid_covers_selections_refinements_and_folds():
    """A selection without hard classes is tried once; a fold's numbers are those of a tune on that fold alone."""
    problem = CONFIG.data.load()
    grid = Grid((0, 2), (0.5, 1.0), (2,), (CFBS(), AllSamples()), (None, LabelPropagation()), folds=2)
    found = tune(CONFIG, problem, grid, quiet)
    assert len(found) == (2 * 2 + 2) * 2
    tried = {(type(c.setting.self_training.selection), c.setting.self_training.refinement) for c in found}
    assert tried == set(itertools.product((CFBS, AllSamples), grid.refinements))
    alone = []
    for part in problem.validation_folds(2):
        held = dataclasses.replace(
            part,
            splits=problem.splits._replace(
                validation_classes=part.unseen_classes, validation_seen=np.zeros(0, np.int64)
            ),
        )
        alone.append({c.setting: c.t1 for c in tune(CONFIG, held, dataclasses.replace(grid, folds=1), quiet)})
    for candidate in found:
        np.testing.assert_allclose(candidate.t1, np.mean([fold[candidate.setting] for fold in alone], 0), rtol=1e-6)
    with pytest.raises(InputError, match="folds"):
        tune(CONFIG, problem, dataclasses.replace(grid, folds=99), quiet)


def test_everything_that_the_grid_does_not_name_stays():
    sths = STHS(9, CFBS(0.1), PortionSchedule(0.3, 0.2, 0.7), LabelPropagation(3), warm=True)
    grid = Grid((1, 2), (0.5,), (2,), (CFBS(), RandomSampling()))
    settings = [setting for family in grid.settings(sths) for setting in family]
    assert settings == [
        dataclasses.replace(sths, rounds=rounds, selection=selection)
        for selection in (CFBS(0.5), RandomSampling())
        for rounds in (1, 2)
    ]


def test_one_program_serves_every_number_of_rounds_and_of_hard_classes(monkeypatch):
    traces, build = [], STHS.build

    def counted(self, *arguments):
        training = build(self, *arguments)

        def step(*inner):
            traces.append(1)
            return training.step(*inner)

        return training._replace(step=step)

    monkeypatch.setattr(STHS, "build", counted)
    config = dataclasses.replace(CONFIG, seeds=1)
    found = tune(config, CONFIG.data.load(), Grid((1, 2), (0.4, 1.0), (2,)), quiet, batched=False)
    assert len(found) == 4
    assert len(traces) == 1


def test_the_printed_command_runs_the_chosen_setting(tmp_path, capsys):
    """Also what the config or other options set: a schedule, warm rounds, a network's size."""
    config = tmp_path / "a config.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "from jzsl.self_training.schedules.portion import PortionSchedule\n"
        "CONFIG = Experiment(LinearGaussian(classes=14, unseen=3, samples_per_class=20, features=8, semantics=4),"
        " S2V(hidden=16), Train(epochs=2), seeds=2, self_training=STHS(schedule=PortionSchedule(0.3, 0.1, 0.6)))\n"
    )
    arguments = [
        "tune", str(config), "--seeds", "1", "--method.hidden", "8", "--self-training.warm",
        "--grid.selections", "PNCFBS", "--grid.selections.0.prior", "Uniform", "--grid.refinements", "LabelPropagation",
        "--grid.hard-class-fraction", "0.35", "--grid.epochs", "1", "--grid.rounds", "2",
    ]  # fmt: skip
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    command = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    assert command[:3] == ["jzsl", "run", str(config)]
    namespace = load_namespace(config)
    options = parse(RunOptions, RunOptions(namespace["CONFIG"]), command[3:], "jzsl run", namespace)
    given = namespace["CONFIG"]
    assert options.experiment == dataclasses.replace(
        given,
        method=S2V(hidden=8),
        train=Train(epochs=1),
        seeds=1,
        self_training=STHS(2, PNCFBS(0.35, Uniform()), PortionSchedule(0.3, 0.1, 0.6), LabelPropagation(), warm=True),
    )


def test_what_the_grid_does_not_name_stays_and_closed_forms_take_one_epoch():
    assert [[point.rounds for point in family] for family in Grid().settings(STHS(7, TopConfidence()))] == [[7]]
    problem = LinearGaussian(classes=14, unseen=3, samples_per_class=20, features=8, semantics=4).load()
    experiment = Experiment(LinearGaussian(), ESZSL(), seeds=1, self_training=STHS(1, TopConfidence()))
    trials = tune(experiment, problem, Grid(epochs=(3, 5)), lambda text: None)
    assert [(trial.setting.epochs, trial.setting.self_training.rounds) for trial in trials] == [(1, 1)]
