"""Studies: their measures against brute force, what they write, and a case where the answer is known."""

import csv
import json

import numpy as np
import pytest

from jzsl.classifiers.prototype import Prototype
from jzsl.cli import main
from jzsl.data.synthetic import LinearGaussian
from jzsl.generators.abp import ABP
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.problem.transforms import MinMax
from jzsl.studies.prior_error import prior_error
from jzsl.studies.questions import Study
from jzsl.studies.retraining import Retrainer
from jzsl.studies.study import Finding, Setting, compared, group_rows, paired, write

SOURCE = LinearGaussian(classes=11, unseen=5, rows_per_class=20, features=8, semantics=4, latents=2)


@pytest.fixture(scope="module")
def retrainer():
    return Retrainer(SOURCE.load(), S2V(hidden=32, batch_size=32), MinMax(), 10)


def test_measures_are_the_brute_force(retrainer, random):
    predicted = random.integers(0, 4, 100)  # class 4 is never predicted
    truth = retrainer.truth
    accuracy, precision = retrainer.accuracies(predicted), retrainer.precisions(predicted)
    for c in range(5):
        assert accuracy[c] == pytest.approx(100 * np.mean(predicted[truth == c] == c))
        if c < 4:
            assert precision[c] == pytest.approx(100 * np.mean(truth[predicted == c] == c))
    assert np.isnan(precision[4])
    assert retrainer.t1(predicted) == pytest.approx(accuracy.mean())
    assert retrainer.t1(truth) == 100


def test_drawn_rows_are_of_the_classes_asked_for(retrainer):
    drawn = retrainer.draw(np.array([1, 3]), 12, seed=0)
    assert drawn.sum() == 12
    assert set(retrainer.truth[drawn > 0]) <= {1, 3}
    assert retrainer.draw(np.array([1]), 1000, seed=0).sum() == (retrainer.truth == 1).sum()


def test_supervision_on_every_row_beats_none(retrainer):
    """Truly labelled rows teach; the same rows under shuffled labels do not."""
    every = np.ones(100, np.int32)
    base = retrainer.t1(retrainer.predict(0))
    shuffled = retrainer.t1(retrainer.predict(0, (retrainer.truth + 1) % 5, every))
    assert retrainer.t1(retrainer.predict(0, retrainer.truth, every)) > max(base, shuffled) + 10


def test_paired_differences():
    assert paired([3.0, 4.0, 5.5], [1.0, 2.5, 3.0]).startswith("+2.0 points (paired t-test over 3 seeds: p = 0.0")
    assert paired([3.0], [5.0]) == "-2.0 points"
    assert paired([3.0, 3.0], [3.0, 3.0]) == "+0.0 points"


def test_a_claim_holds_only_where_it_is_significant():
    clear, even, spread = [10.0, 11.0, 10.5], [1.0, 2.5, 1.2], [0.0, 20.0, 1.0]
    assert compared([(clear, even)]) == "holds here"
    assert "in the mean only" in compared([(clear, spread)])
    assert "in the mean only" in compared([(clear, even), (clear, spread)])
    assert "in the mean only" in compared([([3.0], [1.0])])
    assert compared([(clear, even), (even, clear)]) == "does NOT hold here"


def test_table_and_figure_are_written(tmp_path):
    rows = group_rows({("s2v", "hard"): [1.0, 2.0], ("s2v", "easy"): [3.0]}, "T1")
    finding = Finding("Why?", "Because.", rows, lambda figure: figure.subplots().plot([1, 2]), ("a note",))
    write(finding, tmp_path / "out", {"study": "x"})
    with (tmp_path / "out" / "table.csv").open() as file:
        assert [row["T1"] for row in csv.DictReader(file)] == ["1.5", "3.0"]
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (saved["answer"], saved["rows"][0]["std"]) == ("Because.", 0.71)
    assert (tmp_path / "out" / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert "Why?" in (tmp_path / "out" / "figure.svg").read_text()


OF_SELF_TRAINING = (
    Study.uneven_prediction,
    Study.hard_easy,
    Study.label_noise,
    Study.diversity,
    Study.hardness_dynamics,
    Study.sampling_ablation,
    Study.prior_error,
)


@pytest.mark.parametrize("study", OF_SELF_TRAINING)
def test_every_study_of_methods_answers_with_its_numbers(study):
    bases = {"s2v": S2V(hidden=16, batch_size=64), "eszsl": ESZSL()}
    told = []
    finding = study.value.ask(Setting(SOURCE.load(), bases, MinMax(), 3, 2, tell=told.append))
    assert {row["base"] for row in finding.rows} == {"s2v", "eszsl"}
    assert "holds here" in finding.answer or "does NOT hold here" in finding.answer
    assert any("true labels" in note for note in finding.notes)
    assert told
    for row in finding.rows:
        for value in row.values():
            assert not isinstance(value, float) or np.isnan(value) or -1e-9 <= value <= 100


def test_study_from_the_command_line(tmp_path, capsys):
    arguments = ["study", "label-noise", "--data", "synthetic", "--seeds", "2", "--epochs", "2", "--base", "s2v"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "precision" in printed
    assert "fig. 1 C" in printed
    assert json.loads((tmp_path / "out" / "table.json").read_text())["study"] == "label_noise"
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--seeds", "0", "--out", str(tmp_path / "other")]) == 2


def test_a_study_takes_method_and_settings_from_a_config(tmp_path, capsys):
    config = tmp_path / "tiny.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "from jzsl.self_training.sths import STHS\n"
        "CONFIG = Experiment(LinearGaussian(), S2V(hidden=16), Train(epochs=2), self_training=STHS(3, hard=0.4))\n"
    )
    arguments = ["study", "hardness-dynamics", "--data", "synthetic", "--config", str(config), "--seeds", "2"]
    assert main([*arguments, "--rounds", "2", "--out", str(tmp_path / "out")]) == 0
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (saved["epochs"], saved["rounds"], saved["hard"]) == (2, 2, 0.4)
    assert saved["bases"]["tiny"]["hidden"] == 16
    assert {row["round"] for row in saved["rows"]} == {0, 1, 2}
    assert main([*arguments, "--hard", "-1", "--out", str(tmp_path / "other")]) == 2
    assert "hard: -1" in capsys.readouterr().err


def test_prior_error_includes_bbse_for_a_base_that_generates():
    base = Generative(ABP(hidden=16, latent=2, batch_size=64, langevin_steps=2), zsl=Prototype(), per_class=20)
    finding = prior_error(Setting(SOURCE.load(), {"abp": base, "eszsl": ESZSL()}, MinMax(), 3, 2))
    found = {(row["base"], row["group"]) for row in finding.rows}
    assert ("abp", "bbse") in found
    assert ("eszsl", "bbse") not in found


def test_without_matplotlib_a_study_says_so_before_it_works(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["study", "label-noise", "--data", "synthetic", "--out", str(tmp_path / "out")]) == 2
    assert "jzsl[figures]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
