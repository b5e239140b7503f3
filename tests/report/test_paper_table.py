"""Tables for papers: the metrics of result.json in three formats, published ones only where everything agrees."""

import csv
import io
import json

import pytest

from jzsl.cli import main
from jzsl.report.published import PUBLISHED


def a_run(folder, **changes):
    """The folder of a finished run as `jzsl run` leaves it, as far as a table reads it."""
    folder.mkdir(parents=True)
    method = {"type": "jzsl.methods.generative:Generative", "generator": {"type": "jzsl.generators.abp:ABP"}}
    training = {"type": "jzsl.self_training.sths:STHS", "selection": {"type": "jzsl.self_training.selection.cfbs:CFBS"}}
    result = {
        "setting": "inductive",
        "data": {"name": "CUB"},
        "features": {"name": "res101"},
        "semantics": "att_splits: att",
        "seeds": [0, 1],
        "epochs": 7,
        "epochs_chosen": True,
        "rounds": 0,
        "offset": None,
        "class_prior": "uniform",
        "duration_s": 1.5,
        "T1": {"mean": 57.25, "std": 0.75, "values": [56.5, 58.0]},
        **changes,
    }
    experiment = {"method": method, "self_training": training if result["rounds"] else None}
    (folder / "config.json").write_text(json.dumps({"experiment": experiment}))
    present = {name: value for name, value in result.items() if value is not None or name == "offset"}
    (folder / "result.json").write_text(json.dumps(present))
    return str(folder)


def table(capsys, *runs):
    assert main(["table", *runs, "--format", "csv"]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_published_rows_stand_beside_a_run_of_the_same_files(tmp_path, capsys):
    rows = table(capsys, a_run(tmp_path / "mine"))
    assert rows[0]["T1"] == "57.2 ± 0.8"
    assert rows[0]["method"] == "ABP (mine)"
    assert rows[0]["epochs"] == "7 (validation)"
    assert [(row["method"], row["T1"]) for row in rows[1:]] == [
        ("ABP (epoch chosen on test), published", "58.5"),
        ("f-CLSWGAN, published", "57.3"),
        ("TF-VAEGAN, published", "64.9"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"features": {"name": "effnetlite0"}},
        {"semantics": "my_splits: att"},
        {"data": {"name": "caltech101"}},
        {"setting": "domain adaptation"},
    ],
)
def test_nothing_published_stands_beside_other_files_or_settings(changes, tmp_path, capsys):
    assert len(table(capsys, a_run(tmp_path / "mine", **changes))) == 1


def test_semantics_without_a_file_name_no_split(tmp_path, capsys):
    assert table(capsys, a_run(tmp_path / "mine", semantics="18 stroke semantics"))[0]["split"] == ""


def test_one_seed_has_no_deviation(tmp_path, capsys):
    one = {"seeds": [0], "T1": {"mean": 57.25, "std": None, "values": [57.25]}}
    two = {"T1": {"mean": 60.0, "std": 0.0, "values": [60.0, 60.0]}}
    rows = table(capsys, a_run(tmp_path / "one", **one), a_run(tmp_path / "two", **two))
    assert [row["T1"] for row in rows if "published" not in row["method"]] == ["57.2", "60.0 ± 0.0"]


def test_settings_keep_their_own_published_rows(tmp_path, capsys):
    strict = {"setting": "transductive (strict)", "rounds": 4, "class_prior": "uniform", "T1": None}
    strict["H"] = {"mean": 40.0, "std": 0.0, "values": [40.0, 40.0]}
    rows = table(capsys, a_run(tmp_path / "one"), a_run(tmp_path / "two", **strict))
    assert [row["setting"] for row in rows].count("transductive (strict)") == 2
    assert rows[-2] | {"H": "40.0 ± 0.0", "method": "STHS around ABP, CFBS (two)", "class prior": "uniform"} == rows[-2]
    assert rows[-1] | {"H": "66.2", "method": "STHS-GZSL, published", "T1": ""} == rows[-1]
    assert sum("published" in row["method"] for row in rows) == 6  # T1 and H of the inductive setting


def test_formats_hold_the_same_cells(tmp_path, capsys):
    run = a_run(tmp_path / "a_b", data={"name": "a|b & 100 %"})
    rows = table(capsys, run)
    assert rows[0]["data"] == "a|b & 100 %"
    assert main(["table", run]) == 0
    markdown = capsys.readouterr().out.splitlines()
    assert [line.count(" | ") for line in markdown] == [len(rows[0]) - 1] * 3
    assert r"a\|b & 100 %" in markdown[2]
    out = tmp_path / "table.tex"
    assert main(["table", run, "--format", "latex", "--out", str(out)]) == 0
    latex = out.read_text()
    assert r"a|b \& 100 \%" in latex
    assert r"(a\_b)" in latex
    assert r"57.2 $\pm$ 0.8" in latex
    assert latex.count(r"\\") == 2


@pytest.mark.parametrize("damage", ["missing", "text", "other"])
def test_what_is_no_finished_run_is_named(damage, tmp_path, capsys):
    run = a_run(tmp_path / "run")
    path = tmp_path / "run" / "result.json"
    if damage == "missing":
        path.unlink()
    else:
        path.write_text("{" if damage == "text" else "{}")
    assert main(["table", run]) == 2
    assert "result.json" in capsys.readouterr().err


CHOICE = {"epochs": 1, "best": 2, "last": 2, "steps": 10, "classes": 5, "evaluated": [1, 2], "curves": [[40.0, 41.0]],
          "smoothed": [40.0, 41.0], "standard_error": [1.5, 0.0]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"curves": [[40.0]]}, "curves of different lengths"),
        ({"best": 3}, "best: 3 found, which was not evaluated"),
        ({"smoothed": "high"}, "smoothed: 'high' found"),
    ],
)
def test_a_damaged_choice_of_length_is_named(change, culprit, tmp_path, capsys):
    assert main(["table", a_run(tmp_path / "whole", choice=CHOICE)]) == 0
    assert main(["table", a_run(tmp_path / "damaged", choice=CHOICE | change)]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "choice" in error
    assert culprit in error


def test_published_numbers_are_percent_of_known_settings():
    assert {row.setting for row in PUBLISHED} == {
        "inductive",
        "transductive (unseen pool separate)",
        "transductive (strict)",
    }
    assert all(0 < value < 100 for row in PUBLISHED for value in row.percent.values())
