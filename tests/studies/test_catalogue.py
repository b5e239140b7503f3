"""How studies and base methods are found: modules of the folder, a user's file, classes by name, configs."""

import ast
import inspect
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import jzsl.studies
from jzsl.cli import main
from jzsl.data.synthetic import LinearGaussian
from jzsl.errors import InputError
from jzsl.generators.abp import ABP
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.problem.transforms import MinMax
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.sths import STHS
from jzsl.studies.bases import NAMED, base_named
from jzsl.studies.catalogue import studies, study_named
from jzsl.studies.harness import Harness
from jzsl.studies.run_quality import RECOMMENDED, run_quality
from jzsl.studies.study import StudySetup
from jzsl.verbs.study import StudyOptions, setup_of

USERS = '''
"""Which class comes first?"""
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, group_rows

def accuracy(setup):
    values = {}
    for name, base in setup.bases.items():
        harness = Harness(setup, base)
        values[name, "all"] = [harness.metrics(harness.trained(seed))["T1"] for seed in range(setup.seeds)]
    return StudyResult("So much.", group_rows(values, "T1"), lambda figure: figure.subplots().plot([1, 2]))

STUDY = Study("How much?", accuracy, ("eszsl",), 1)
'''


def test_only_the_harness_knows_the_engine():
    """Driver, views and protocol change behind harness and runs alone."""
    engine = ("jzsl.driver", "jzsl.evaluation.views", "jzsl.evaluation.protocol")
    for path in Path(jzsl.studies.__path__[0]).glob("*.py"):
        imports = [
            node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
        ]
        assert path.stem in ("harness", "runs") or not any(name.startswith(engine) for name in imports), path.name


def test_every_study_has_known_bases_and_a_question():
    assert len(studies()) == 35
    for name, study in studies().items():
        assert {*study.bases} <= {*NAMED}
        assert "?" in study.question
        assert study_named(name)[1] is study


def test_a_users_file_is_a_study(tmp_path, capsys):
    file = tmp_path / "my_study.py"
    file.write_text(USERS)
    assert main(["study", str(file), "--data", "synthetic", "--seeds", "2", "--out", str(tmp_path / "out")]) == 0
    saved = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (saved["study"], saved["question"], saved["answer"]) == ("my_study", "How much?", "So much.")
    assert [row["base"] for row in saved["rows"]] == ["eszsl"]
    assert "How much?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [("STUDY = 3", "int found"), ("", "nothing found"), ("1 / 0", "ZeroDivisionError"), (None, "no such file")],
)
def test_a_file_without_a_study_is_refused(tmp_path, text, message):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message):
        study_named(str(file))


def test_an_unknown_study_or_base_is_refused(tmp_path, capsys):
    assert main(["study", "nonsense", "--out", str(tmp_path / "out")]) == 2
    assert "uneven-prediction" in capsys.readouterr().err
    for name in ("nonsense", "../abp", "compatibility", "gated.Gated"):
        with pytest.raises(InputError, match="expected s2v"):
            base_named(name)


def test_bases_are_named_by_class_or_config(tmp_path):
    assert base_named("ESZSL") == ("ESZSL", ESZSL())
    assert base_named("ABP") == ("ABP", Generative(ABP()))
    hidden = base_named("abp", hidden=32)[1]
    assert isinstance(hidden, Generative)
    assert isinstance(hidden.generator, ABP)
    assert hidden.generator.hidden == 32
    config = tmp_path / "tiny.py"
    config.write_text(
        "from jzsl.config import *\nfrom jzsl.data.synthetic import LinearGaussian\nfrom jzsl.methods.s2v import S2V\n"
        "CONFIG = Experiment(LinearGaussian(), S2V(hidden=16))\n"
    )
    name, base = base_named(str(config))
    assert name == "tiny"
    assert base == S2V(hidden=16)


def test_study_alone_lists_the_studies(capsys):
    assert main(["study"]) == 0
    assert "seen-unseen-curve" in capsys.readouterr().out


CONFIG = """
from pathlib import Path
from jzsl.config import *
from jzsl.data.synthetic import LinearGaussian
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.s2v import S2V
from jzsl.self_training.refinement.label_propagation import LabelPropagation
from jzsl.self_training.selection.cfbs import CFBS
CONFIG = Experiment(LinearGaussian(), S2V(hidden=8), Train(epochs=1), {})
"""


def setup_of_config(tmp_path, study: str, values: str, *base: str):
    path = tmp_path / "of.py"
    path.write_text(CONFIG.format(values))
    options = StudyOptions(study, tmp_path / "out", base=base, config=path)
    return setup_of(options, study_named(study)[1], lambda text: None)


@pytest.mark.parametrize(("study", "values", "message"), [
    ("hard-easy", "stages=(Stage('turns', ImageClassifier(), 1),)", "of.py: stages: turns found, expected none"),
    ("sampling-ablation", "self_training=STHS(warm=True)", "self_training.warm: True found, expected False"),
    ("hardness-dynamics", "self_training=STHS(refinement=LabelPropagation())", "self_training.refinement"),
    ("generalized-settings", "self_training=STHS(average=True)", "self_training.average: True found, expected False"),
])  # fmt: skip
def test_what_a_study_does_not_carry_out_is_refused(tmp_path, study, values, message):
    """It would train otherwise than a run of the same config, and say nothing."""
    with pytest.raises(InputError, match=message):
        setup_of_config(tmp_path, study, values)


def test_stages_of_a_base_are_refused(tmp_path):
    """They would be left out; as those of the config, too, they are trained."""
    base = str(tmp_path / "of.py")
    staged = "stages=(Stage('turns', ImageClassifier(), 1),)"
    assert setup_of_config(tmp_path, "ranking-k", staged, base).stages
    with pytest.raises(InputError, match="stages: turns found, expected none: a base is its method alone"):
        options = StudyOptions("ranking-k", tmp_path / "out", base=(base,))
        setup_of(options, study_named("ranking-k")[1], lambda text: None)


def test_what_a_study_carries_out_is_taken(tmp_path):
    setup = setup_of_config(tmp_path, "run-quality", "self_training=STHS(3, CFBS(0.5), warm=True, average=True)")
    assert setup.self_training == STHS(3, CFBS(0.5), warm=True, average=True)
    assert setup_of_config(tmp_path, "sampling-ablation", "self_training=STHS(3, CFBS(0.5))").rounds == 3


def test_the_semantics_of_a_config_are_those_of_its_file(tmp_path):
    names = LinearGaussian().load().class_names
    vectors = np.random.default_rng(0).normal(size=(len(names), 3)).astype(np.float32)
    np.savez(tmp_path / "semantics.npz", semantics=vectors, class_names=list(names))
    setup = setup_of_config(tmp_path, "hard-easy", f"semantics=Path({str(tmp_path / 'semantics.npz')!r})")
    np.testing.assert_array_equal(setup.problem.required_semantics, vectors)


def test_run_quality_trains_the_self_training_of_a_config(monkeypatch):
    trained = []

    def recorded(harness, sths):
        trained.append(sths)
        raise InputError("enough")

    monkeypatch.setattr(Harness, "self_train", recorded)
    setup = StudySetup(LinearGaussian(classes=16).load(), {"s2v": S2V(hidden=8)}, MinMax(), 1, 3, rounds=2)
    for sths in (None, STHS(5, CFBS(0.5), warm=True)):
        with pytest.raises(InputError, match="enough"):
            run_quality(replace(setup, self_training=sths))
    assert trained == [replace(RECOMMENDED, rounds=2), STHS(2, CFBS(0.5), warm=True)]


def test_a_study_without_rounds_says_that_it_leaves_self_training_out(tmp_path):
    (tmp_path / "of.py").write_text(CONFIG.format("self_training=STHS()"))
    arguments = ["--config", str(tmp_path / "of.py"), "--seeds", "1", "--out", str(tmp_path / "out")]
    assert main(["study", "uneven-prediction", *arguments]) == 0
    notes = json.loads((tmp_path / "out" / "table.json").read_text())["notes"]
    assert notes[-1].endswith("of.py plays no part: this study does not self-train")
    assert notes.count("validation classes: a fixed random fifth of the seen ones") == 1  # what the data note


def test_a_study_says_what_it_carries_out():
    """Where its code reads the stages or the rounds of a setup, it does not refuse a config for them."""
    for name, study in studies().items():
        source = Path(inspect.getfile(study.run)).read_text()
        assert study.stages or "setup.stages" not in source, name
        assert ("setup.rounds" in source) == (study.self_training is not None), name
