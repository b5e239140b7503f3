"""How studies and base methods are found: modules of the folder, a user's file, classes by name, configs."""

import ast
import json
from pathlib import Path

import pytest

import jzsl.studies
from jzsl.cli import main
from jzsl.errors import InputError
from jzsl.generators.abp import ABP
from jzsl.methods.eszsl import ESZSL
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.studies.bases import NAMED, base_named
from jzsl.studies.catalogue import studies, study_named

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
    assert len(studies()) == 34
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
