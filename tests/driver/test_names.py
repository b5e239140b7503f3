"""The names of groups in the result of a run, its warning and its report, where two names are exchanged on purpose."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from jzsl.config import Experiment, Train
from jzsl.data.synthetic import LinearGaussian
from jzsl.driver import predictions
from jzsl.driver.names import doubts, judged_names
from jzsl.driver.runner import run
from jzsl.evaluation.views import transductive
from jzsl.methods.exem import EXEM
from jzsl.report.names_section import names_section
from jzsl.report.run_artifacts import read
from jzsl.self_training.sths import STHS
from jzsl.tasks.gzsl import GZSL

EXPERIMENT = Experiment(
    data=LinearGaussian(classes=40, unseen=8, samples_per_class=15),
    method=EXEM(),
    train=Train(epochs=1),
    seeds=1,
    self_training=STHS(rounds=1),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("names") / "run"
    run(EXPERIMENT, out, False, Console(file=io.StringIO()))
    return out


def test_right_names_give_no_warning(finished):
    result = json.loads((finished / "result.json").read_text())
    assert result["names"]["pair_accuracy"] > 0.75
    assert result["names"]["doubtful"] == []
    assert doubts(result) is None
    assert sum(group["samples"] for group in result["names"]["groups"]) == 8 * 15
    assert "No group" in names_section(read(finished))


def test_exchanged_names_are_named_in_warning_and_report(finished, tmp_path):
    problem = EXPERIMENT.load()
    path = predictions.path_of(tmp_path, 0)
    path.parent.mkdir()
    with np.load(predictions.path_of(finished, 0)) as file:
        entries = dict(file)
    scores = entries["zsl_scores"]
    scores[:, [2, 5]] = scores[:, [5, 2]]
    np.savez(path, **entries)
    entry = judged_names(EXPERIMENT, problem, transductive(problem, EXPERIMENT.transform), tmp_path)
    exchanged = {problem.class_names[entries["zsl_candidates"][column]] for column in (2, 5)}
    assert set(entry["names"]["doubtful"]) == exchanged
    sentence = doubts(entry)
    assert sentence is not None
    assert sentence.startswith("2 of 8 groups may have wrong names")
    artifacts = read(finished)
    page = names_section(artifacts._replace(result=artifacts.result | entry))
    assert sentence in page


def test_report_says_where_names_cannot_be_judged(finished):
    artifacts = read(finished)
    names = artifacts.result["names"] | {"pair_accuracy": 0.48}
    page = names_section(artifacts._replace(result=artifacts.result | {"names": names}))
    assert "cannot be judged" in page
    assert "48 %" in page
    assert names_section(artifacts._replace(result={})) == ""


@pytest.mark.parametrize(
    "other", [replace(EXPERIMENT, self_training=None), replace(EXPERIMENT, tasks=(GZSL(),), calibration=False)]
)
def test_runs_without_an_unlabelled_pool_that_they_score_have_no_entry(other, finished):
    problem = other.load()
    assert judged_names(other, problem, transductive(problem, other.transform), finished) == {}
