"""Studies: their measures against brute force, what they write, and a case where the answer is known."""

import csv
import json

import numpy as np
import pytest

from jzsl.classifiers.prototype import Prototype
from jzsl.cli import main
from jzsl.data.synthetic import LinearGaussian
from jzsl.generators.abp import ABP
from jzsl.interfaces import MethodConfig
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.problem.transforms import MinMax
from jzsl.studies.catalogue import studies
from jzsl.studies.harness import Harness
from jzsl.studies.prior_error import prior_error
from jzsl.studies.study import StudyResult, StudySetup, claim, compare, group_rows, holm, write

SOURCE = LinearGaussian(classes=11, unseen=5, samples_per_class=20, features=8, semantics=4, latents=2)


@pytest.fixture(scope="module")
def harness():
    return Harness(StudySetup(SOURCE.load(), {}, MinMax(), 10, 1), S2V(hidden=32, batch_size=32), unlabelled=True)


def test_measures_are_the_brute_force(harness, random):
    predicted = random.integers(0, 4, 100)  # class 4 is never predicted
    truth = harness.truth
    accuracy, precision = harness.accuracies(predicted), harness.precisions(predicted)
    for c in range(5):
        assert accuracy[c] == pytest.approx(100 * np.mean(predicted[truth == c] == c))
        if c < 4:
            assert precision[c] == pytest.approx(100 * np.mean(truth[predicted == c] == c))
    assert np.isnan(precision[4])
    assert harness.t1(predicted) == pytest.approx(accuracy.mean())
    assert harness.t1(truth) == 100


def test_drawn_samples_are_of_the_classes_asked_for(harness):
    drawn = harness.draw(np.array([1, 3]), 12, seed=0)
    assert drawn.sum() == 12
    assert set(harness.truth[drawn > 0]) <= {1, 3}
    assert harness.draw(np.array([1]), 1000, seed=0).sum() == (harness.truth == 1).sum()


def test_supervision_on_every_sample_beats_none(harness):
    """Truly labelled samples help; the same samples under shuffled labels do not."""
    every = np.ones(100, np.int32)
    base = harness.t1(harness.predict(0))
    shuffled = harness.t1(harness.predict(0, (harness.truth + 1) % 5, every))
    assert harness.t1(harness.predict(0, harness.truth, every)) > max(base, shuffled) + 10


def test_a_paired_difference_says_its_test():
    """Differences of 2 and 2.5 have a standard error of 0.25, so t = 9; one seed, or no spread, has no test."""
    differences = compare({"a": ([3.0, 4.5], [1.0, 2.0])})
    assert differences["a"].p == pytest.approx(2 / np.pi * np.arctan(1 / 9), rel=1e-9)  # one degree of freedom: Cauchy
    assert str(differences["a"]) == "+2.2 points (paired t-test over 2 seeds: p = 0.070)"
    over_draws = str(compare({"a": ([3.0, 4.5], [1.0, 2.0])}, over="draws")["a"])
    assert over_draws == "+2.2 points (paired t-test over 2 draws: p = 0.070)"
    assert str(compare({"a": ([3.0], [5.0])})["a"]) == "-2.0 points"
    assert str(compare({"a": ([3.0, 3.0], [3.0, 3.0])})["a"]) == "+0.0 points"


def test_holm_is_the_hand_worked_case():
    """Of 0.01, 0.04, 0.03 and 0.005: 4 x 0.005, 3 x 0.01, 2 x 0.03, then 0.04, which may not fall below 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_several_comparisons_are_corrected_together():
    clear, even = [10.0, 11.0, 10.5], [1.0, 2.5, 1.2]
    alone = compare({"a": (clear, even)})["a"]
    three = compare({"a": (clear, even), "b": (even, [1.0, 2.6, 1.0]), "untested": ([1.0], [2.0])})
    assert alone.p is not None
    assert three["a"].p == pytest.approx(2 * alone.p)
    assert three["untested"].p is None
    assert "Holm-corrected for 2 comparisons" in str(three["a"])
    assert "Holm" not in str(alone)


def test_a_claim_holds_only_where_it_is_significant():
    clear, even, spread = [10.0, 11.0, 10.5], [1.0, 2.5, 1.2], [0.0, 20.0, 1.0]

    def claimed(*pairs):
        return claim(compare(dict(enumerate(pairs))).values())

    assert claimed((clear, even)) == "holds here"
    assert "in the mean only" in claimed((clear, spread))
    assert "in the mean only" in claimed((clear, even), (clear, spread))
    assert "in the mean only" in claimed(([3.0], [1.0]))
    assert claimed((clear, even), (even, clear)) == "does NOT hold here"


def test_table_and_figure_are_written(tmp_path):
    rows = group_rows({("s2v", "hard"): [1.0, 2.0], ("s2v", "easy"): [3.0]}, "T1")
    result = StudyResult("Because.", rows, lambda figure: figure.subplots().plot([1, 2]), ("a note",))
    write("Why?", result, tmp_path / "out", {"study": "x"})
    with (tmp_path / "out" / "table.csv").open() as file:
        assert [row["T1"] for row in csv.DictReader(file)] == ["1.5", "3.0"]
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (saved["question"], saved["answer"]) == ("Why?", "Because.")
    assert [row["std"] for row in saved["rows"]] == [0.71, None]  # one seed has no standard deviation
    assert (tmp_path / "out" / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert "Why?" in (tmp_path / "out" / "figure.svg").read_text()


OF_SELF_TRAINING = (
    "uneven-prediction",
    "hard-easy",
    "label-noise",
    "diversity",
    "hardness-dynamics",
    pytest.param("sampling-ablation", marks=pytest.mark.slow),
    "prior-error",
)


@pytest.mark.parametrize("name", OF_SELF_TRAINING)
def test_every_study_of_methods_answers_with_its_numbers(name):
    bases: dict[str, MethodConfig] = {"eszsl": ESZSL()}
    if name != "sampling-ablation":  # which compiles 16 variants
        bases["s2v"] = S2V(hidden=16, batch_size=64)
    lines = []
    result = studies()[name].run(StudySetup(SOURCE.load(), bases, MinMax(), 3, 2, rounds=2, progress=lines.append))
    assert {row["base"] for row in result.rows} == set(bases)
    assert "holds here" in result.answer or "does NOT hold here" in result.answer
    assert any("true labels" in note for note in result.notes)
    assert ("Holm" in result.answer) == (result.answer.count("p = ") + result.answer.count("p < ") > 1)
    assert lines
    for row in result.rows:
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


@pytest.mark.parametrize("length", ["epochs=2", "steps=4"])  # of 3 steps: 384 samples, batches of 128
def test_a_study_takes_method_and_settings_from_a_config(tmp_path, capsys, length):
    config = tmp_path / "tiny.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "from jzsl.self_training.selection.cfbs import CFBS\nfrom jzsl.self_training.sths import STHS\n"
        f"CONFIG = Experiment(LinearGaussian(), S2V(hidden=16), Train({length}), self_training=STHS(3, CFBS(0.4)))\n"
    )
    arguments = ["study", "hardness-dynamics", "--data", "synthetic", "--config", str(config), "--seeds", "2"]
    assert main([*arguments, "--rounds", "2", "--out", str(tmp_path / "out")]) == 0
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (saved["epochs"], saved["rounds"], saved["hard_class_fraction"]) == (2, 2, 0.4)
    assert saved["bases"]["tiny"]["hidden"] == 16
    assert {row["round"] for row in saved["rows"]} == {0, 1, 2}
    assert main([*arguments, "--hard-class-fraction", "-1", "--out", str(tmp_path / "other")]) == 2
    assert "hard_class_fraction: -1" in capsys.readouterr().err


@pytest.mark.slow
def test_prior_error_includes_bbse_for_a_base_that_generates():
    base = Generative(ABP(hidden=16, latent=2, batch_size=64, langevin_steps=2), zsl=Prototype(), per_class=20)
    result = prior_error(StudySetup(SOURCE.load(), {"abp": base, "eszsl": ESZSL()}, MinMax(), 3, 2))
    groups = {(row["base"], row["group"]) for row in result.rows}
    assert ("abp", "BBSE") in groups
    assert ("eszsl", "BBSE") not in groups


def test_without_matplotlib_a_study_says_so_before_it_works(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["study", "label-noise", "--data", "synthetic", "--out", str(tmp_path / "out")]) == 2
    assert "jzsl[figures]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
