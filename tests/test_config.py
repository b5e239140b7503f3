"""Configs: exchange with JSON, differences, and the files in configs/."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from jzsl.config import Experiment, Train
from jzsl.data.digits import Digits
from jzsl.data.xlsa17 import Xlsa17
from jzsl.driver.load import load_config
from jzsl.errors import InputError
from jzsl.exchange import classes_of, decode, differences, encode
from jzsl.generators.abp import ABP
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.problem.transforms import Transform
from jzsl.sampling.metropolis import Metropolis
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_config_loads_and_survives_json(path):
    config = load_config(path)
    assert decode(json.loads(json.dumps(encode(config)))) == config
    assert f"jzsl run configs/{path.name}" in path.read_text()
    for task in config.tasks:
        config.method.build(task)


def test_json_keeps_every_kind_of_field():
    config = Experiment(
        Xlsa17(Path("some/where")),
        Generative(ABP(kernel=Metropolis(), sigma=0.1), zsl_noise=False),
        Train(epochs=7),
        tasks=(GZSL(), ZSL()),
    )
    assert decode(json.loads(json.dumps(encode(config)))) == config


def test_differences_name_the_field():
    one = encode(Experiment(Digits(), Generative(), Train(epochs=3)))
    two = encode(Experiment(Digits(unseen=(1, 2)), Generative(ABP(sigma=0.5)), Train(epochs=3)))
    found = list(differences(one, two))
    assert len(found) == 2
    assert found[0].startswith("data.unseen: [3, 5, 6], now [1, 2]")
    assert found[1].startswith("method.generator.sigma: 0.3, now 0.5")
    assert not list(differences(one, one))


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"type": "os:system"}, "jzsl package"),
        ({"type": "jzsl.driver.load:load_config"}, "no configuration class"),
        ({"type": "jzsl.nowhere:X"}, "no class of this version"),
        ({"type": None}, "jzsl package"),
        ({"sgima": 1}, "sgima"),
        ({"kernel": "leapfrog"}, "leapfrog"),
    ],
)
def test_foreign_json_runs_nothing_and_is_refused(change, culprit):
    with pytest.raises(InputError, match=culprit):
        decode({**encode(ABP()), **change})


@dataclass(frozen=True)
class Halved:
    """A transform of a user's own."""

    by: float = 2.0

    def fit(self, samples, observed=None, indices=None, labels=None):
        shape = samples.shape[1:]
        return Transform(np.zeros(shape, np.float32), np.full(shape, self.by, np.float32))


def test_a_config_brings_its_own_transform():
    config = Experiment(Digits(), Generative(), transform=Halved(4.0))
    document = json.loads(json.dumps(encode(config)))
    assert decode(document, users=classes_of(config)) == config
    with pytest.raises(InputError, match="--config"):
        decode(document)
    with pytest.raises(InputError, match=r"transform: 'MinMax' found, expected TransformConfig$"):
        decode({**document, "transform": "MinMax"})


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("x = 1", "exports no CONFIG"),
        ("CONFIG = 3", "CONFIG is a int"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def f(:", "SyntaxError"),
        ("from jzsl.generators.abp import ABP\nABP(sigma=-1)", "sigma"),
    ],
)
def test_bad_config_file(tmp_path, text, culprit):
    path = tmp_path / "config.py"
    path.write_text(text)
    with pytest.raises(InputError, match=culprit) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Train(epochs=0), "train.epochs"),
        (lambda: Train(chunk=0), "train.chunk"),
        (lambda: Train(max_epochs=-1), "train.max_epochs"),
        (lambda: Train(checkpoint_seconds=-1), "train.checkpoint_seconds"),
        (lambda: Experiment(Digits(), S2V(), seeds=0), "seeds"),
        (lambda: Experiment(Digits(), S2V(), tasks=()), "tasks"),
        (lambda: Experiment(Digits(), S2V(), tasks=(ZSL(), ZSL())), "tasks"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field):
    with pytest.raises(InputError, match=field):
        make()
